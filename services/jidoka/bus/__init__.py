from jidoka.bus.thin_nats import load_nats as load_nats
