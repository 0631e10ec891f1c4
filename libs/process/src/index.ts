/** What a process is made of: modules, what they are given, and how they start and stop. */
export type { Module } from './module.ts';
export type { OpenPlatform, PlatformOptions } from './open-platform.ts';
export { openPlatform } from './open-platform.ts';
export { orderByDependency } from './order.ts';
export type { Platform } from './platform.ts';
export type { RunModulesOptions, RunningModules } from './run-modules.ts';
export { runModules } from './run-modules.ts';
export { stopOnSignal } from './signals.ts';
