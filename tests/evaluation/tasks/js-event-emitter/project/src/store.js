import { Emitter } from './emitter.js';

/** Values by name; tells who listens to `change`. */
export class Store extends Emitter {
  #values = new Map();

  set(name, value) {
    this.#values.set(name, value);
    this.emit('change', name, value);
  }

  get(name) {
    return this.#values.get(name);
  }
}
