import { TestEnvironment } from 'jest-environment-node';

/**
 * Jest's Node environment, with the typed arrays of the outer realm: native add-ons (onnxruntime-node, DuckDB) make
 * their arrays there, and `instanceof` in the JavaScript around them would fail on arrays of another realm.
 */
export default class NativeArraysEnvironment extends TestEnvironment {
  constructor(config, context) {
    super(config, context);
    for (const type of [
      Int8Array,
      Uint8ClampedArray,
      Int16Array,
      Uint16Array,
      Int32Array,
      Uint32Array,
      Float32Array,
      Float64Array,
      BigInt64Array,
      BigUint64Array,
      DataView,
    ]) {
      this.global[type.name] = type;
    }
  }
}
