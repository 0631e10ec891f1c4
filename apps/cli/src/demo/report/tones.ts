import type { ReportData } from './report-data.ts';

/** Colours that the style sheet knows for model versions and other series: `t0` … `t7`. */
export const TONES_MAX = 8;

/** The class that gives a model version its colour; the same version has the same one in all plots. */
export type Tones = (modelVersion: string | number | undefined) => string;

/** Deals colours to model versions in the order in which the report first names them. */
export function modelTones(data: ReportData): Tones {
  const order = new Map<string, number>();
  const see = (version: string | number | undefined) => {
    if (version !== undefined && !order.has(String(version))) order.set(String(version), order.size);
  };
  for (const model of data.modelVersions ?? []) see(model.version);
  for (const point of data.performanceByWindow ?? []) see(point.modelVersion);
  for (const point of data.performanceByMonth ?? []) see(point.modelVersion);
  for (const column of data.drift?.columns ?? []) for (const point of column.points) see(point.modelVersion);
  for (const curve of [...(data.roc ?? []), ...(data.calibrationByModel ?? [])]) see(curve.modelVersion);
  for (const version of Object.keys(data.predictions?.byVersion ?? {})) see(version);
  return (version) => (version === undefined ? 't0' : tone(order.get(String(version)) ?? 0));
}

/** The class of the n-th colour. */
export function tone(index: number): string {
  return `t${index % TONES_MAX}`;
}

/** How a model version is called in text: `version 2`, with a space that does not break. */
export function versionLabel(version: string | number | undefined): string {
  const text = String(version ?? '').trim();
  return /^\d+$/.test(text) ? `version\u00a0${text}` : text;
}
