/** A shared linear memory. */
export interface WasmMemory {
  readonly buffer: SharedArrayBuffer;
}

/** Compiled code; threads may share it. */
export type WasmModule = object;

/** The part of the WebAssembly JavaScript API that is used here; TypeScript has its types only in the DOM library. */
interface WasmApi {
  readonly Memory: new (options: { initial: number; maximum: number; shared: true }) => WasmMemory;
  readonly Module: new (bytes: Uint8Array) => WasmModule;
  readonly Instance: new (module: WasmModule, imports: object) => { readonly exports: unknown };
}

/** https://webassembly.github.io/spec/js-api/ */
export const wasm: WasmApi = (globalThis as unknown as { readonly WebAssembly: WasmApi }).WebAssembly;
