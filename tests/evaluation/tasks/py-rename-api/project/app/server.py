from app.settings import load


def port(text):
    return int(load(text, True)["port"])
