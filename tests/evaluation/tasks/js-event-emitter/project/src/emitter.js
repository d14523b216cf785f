/** Calls listeners by the name of an event. */
export class Emitter {
  #listeners = new Map();

  /** Listen; returns a function that stops listening. */
  on(name, listener) {
    if (!this.#listeners.has(name)) this.#listeners.set(name, []);
    this.#listeners.get(name).push(listener);
    return () => this.off(name, listener);
  }

  once(name, listener) {
    this.on(name, function only(...values) {
      this.off(name, only);
      listener(...values);
    });
  }

  off(name, listener) {
    const listeners = this.#listeners.get(name);
    listeners.splice(listeners.indexOf(listener), 1);
  }

  /** Call all listeners; what they throw is thrown as one AggregateError at the end. */
  emit(name, ...values) {
    const listeners = this.#listeners.get(name) ?? [];
    for (const listener of listeners) listener.apply(this, values);
    return listeners.length;
  }
}
