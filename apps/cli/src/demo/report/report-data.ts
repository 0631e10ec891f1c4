/**
 * What the report page is made from: plain JSON, filled by the demo from what the services answered. Every array may be
 * empty and every figure may be missing; the page then says so in a sentence. Nothing here is invented by the renderer.
 *
 * Conventions: a time is an ISO 8601 string in UTC (`2001-04-08T00:00:00Z`), a span is in seconds unless its name says
 * `Ms`, a share is between 0 and 1, a model version is its bare name or number (`1`, not the full resource name), and the
 * same version has the same text everywhere, because colours go by it.
 */

/** A figure that may be unknown: missing, null and NaN all mean "not measured". */
export type Figure = number | null | undefined;

/** A text that may be unknown. */
export type Text = string | null | undefined;

/** A 95 % confidence interval, `[low, high]`. */
export type ReportInterval = readonly [number, number];

/** Everything that the page shows. Only `title` must be there. */
export type ReportData = {
  /** Heading of the page. */
  readonly title: string;
  /** One sentence under the heading: what this run was about. */
  readonly subtitle?: Text;
  /** When the report was written. */
  readonly generatedTime?: Text;
  /** Revision of the code, for instance an abbreviated commit. */
  readonly revision?: Text;
  /** The machine that ran it. */
  readonly machine?: { readonly cores?: Figure; readonly memoryMib?: Figure; readonly platform?: Text } | undefined;
  /** Wall-clock time of the whole run. */
  readonly totalSeconds?: Figure;
  /** Greatest resident memory of all processes together, in MiB. */
  readonly peakRssMib?: Figure;
  /** Whether a new model version was trained and promoted in the course of the run. */
  readonly retrained?: boolean | undefined;
  /** What happened, in order, as plain sentences; one entry is one paragraph. */
  readonly story?: readonly string[] | undefined;
  readonly steps?: readonly ReportStep[] | undefined;
  readonly datasetVersions?: readonly ReportDatasetVersion[] | undefined;
  /** Dead letters of all versions together, by id of the rule that failed. */
  readonly deadLettersByRule?: Readonly<Record<string, number>> | undefined;
  readonly distributions?: readonly ReportDistribution[] | undefined;
  readonly modelVersions?: readonly ReportModelVersion[] | undefined;
  readonly roc?: readonly ReportRoc[] | undefined;
  readonly calibrationByModel?: readonly ReportCalibration[] | undefined;
  readonly importances?: readonly ReportImportance[] | undefined;
  readonly promotion?: readonly ReportPromotion[] | undefined;
  readonly performanceByWindow?: readonly ReportWindowPerformance[] | undefined;
  readonly performanceByMonth?: readonly ReportMonthPerformance[] | undefined;
  readonly drift?: ReportDrift | undefined;
  readonly alerts?: readonly ReportAlert[] | undefined;
  readonly predictions?: ReportPredictions | undefined;
  readonly events?: ReportEvents | undefined;
  readonly lineage?: ReportLineage | undefined;
  readonly commands?: readonly ReportCommand[] | undefined;
};

/** One step of the run, as timed by the demo. */
export type ReportStep = {
  readonly name: string;
  /** Chapter of the story to which it belongs; steps of one group are drawn together in one colour. */
  readonly group?: Text;
  /** Seconds from the beginning of the run to its start. */
  readonly startSeconds?: Figure;
  readonly seconds?: Figure;
  readonly rows?: Figure;
  readonly rowsPerSecond?: Figure;
  /** For instance `SUCCEEDED`, `SKIPPED`, `FAILED`. */
  readonly status?: Text;
};

/** One version of the dataset. */
export type ReportDatasetVersion = {
  readonly version: string | number;
  readonly rows?: Figure;
  /** Rows that went to the dead letters instead. */
  readonly quarantined?: Figure;
  /** For instance `PUBLISHED` or `REJECTED`. */
  readonly status?: Text;
  /** Quarantined rows by id of the rule that failed. */
  readonly byRule?: Readonly<Record<string, number>> | undefined;
  /** Where the rows came from, or why the version exists, in a few words. */
  readonly note?: Text;
};

/** How one column was spread in training and is spread now. */
export type ReportDistribution = {
  /** Column, or `prediction`. */
  readonly column: string;
  /** `numeric` bins are drawn in their order; `categorical` ones too, with their labels under each bar. */
  readonly type: 'numeric' | 'categorical';
  /** Counts or shares; each side is scaled to sum to 1 before it is drawn. */
  readonly bins: readonly { readonly label: string; readonly reference: Figure; readonly current: Figure }[];
  /** What the reference is, for instance "training, January to March". Default "training". */
  readonly referenceLabel?: Text;
  /** What the current side is, for instance "last week of June". Default "latest window". */
  readonly currentLabel?: Text;
  /** Unit of the column, if any. */
  readonly unit?: Text;
};

/** One registered version of the model. */
export type ReportModelVersion = {
  readonly version: string | number;
  /** For instance `champion`; several are joined with a comma. */
  readonly alias?: Text;
  /** Digest of the model file, with or without `sha256:`. */
  readonly digest?: Text;
  /** Area under the ROC curve on held-out rows. */
  readonly auc?: Figure;
  readonly aucInterval?: ReportInterval | null | undefined;
  /** Log loss in nats on the same rows. */
  readonly logLoss?: Figure;
  /** Greatest absolute difference between the trainer's probabilities and ONNX Runtime's. */
  readonly parityMaxAbs?: Figure;
  readonly trainRows?: Figure;
  readonly testRows?: Figure;
  /** What it was trained on, for instance "January to March 2001". */
  readonly trainedOn?: Text;
};

/** A ROC curve. */
export type ReportRoc = {
  readonly modelVersion: string | number;
  /** Which rows, for instance "test". */
  readonly period?: Text;
  /** `[false positive rate, true positive rate]`, ascending; a few hundred points are plenty (more are thinned). */
  readonly points: readonly (readonly [number, number])[];
  readonly auc?: Figure;
};

/** A calibration curve. */
export type ReportCalibration = {
  readonly modelVersion: string | number;
  /** Which rows, for instance "June" or "test". */
  readonly period?: Text;
  /** Mean predicted probability, observed share of positives, number of predictions. */
  readonly bins: readonly { readonly predicted: Figure; readonly observed: Figure; readonly rows?: Figure }[];
};

/** How much a model leans on one feature. */
export type ReportImportance = {
  readonly feature: string;
  /** Share of the total gain, or any measure in which more is more. */
  readonly value: Figure;
  /** Of which model version; without one, the newest. */
  readonly modelVersion?: string | number | undefined;
};

/** The decision about one candidate. */
export type ReportPromotion = {
  readonly version: string | number;
  /** For instance "promoted" or "refused". */
  readonly decision?: Text;
  readonly gates?:
    | readonly { readonly gate: string; readonly holds?: boolean | null | undefined; readonly evidence?: Text }[]
    | undefined;
};

/** What one model version achieved in one window of event time. */
export type ReportWindowPerformance = {
  /** Beginning of the window, inclusive. */
  readonly windowStart: string;
  /** End of the window, exclusive. */
  readonly windowEnd: string;
  /** For instance `2001-04`. */
  readonly month?: Text;
  readonly modelVersion: string | number;
  readonly rows?: Figure;
  readonly labelledRows?: Figure;
  readonly auc?: Figure;
  readonly aucInterval?: ReportInterval | null | undefined;
  readonly logLoss?: Figure;
  readonly logLossInterval?: ReportInterval | null | undefined;
  /** Expected calibration error. */
  readonly ece?: Figure;
  /** Share of positive labels. */
  readonly labelRate?: Figure;
  /** The same metrics on the model's own test rows. */
  readonly referenceAuc?: Figure;
  readonly referenceLogLoss?: Figure;
};

/** What one model version achieved in one month. */
export type ReportMonthPerformance = {
  /** For instance `2001-04`. */
  readonly month: string;
  readonly modelVersion: string | number;
  readonly rows?: Figure;
  readonly auc?: Figure;
  readonly aucInterval?: ReportInterval | null | undefined;
  readonly logLoss?: Figure;
  readonly ece?: Figure;
  readonly labelRate?: Figure;
  /** A remark in a few words, for instance "replayed, never served". */
  readonly note?: Text;
};

/** Drift over time. */
export type ReportDrift = {
  /** Name of the distance, for instance `jensenshannon`, where one serves for all columns. */
  readonly method?: Text;
  readonly columns: readonly ReportDriftColumn[];
};

/** The distance of one column from the model's training profile, window by window. */
export type ReportDriftColumn = {
  /** Column, or `prediction`. */
  readonly column: string;
  /** From this value on it has drifted. */
  readonly threshold?: Figure;
  /** Name of the distance, where it differs from `ReportDrift.method`. */
  readonly method?: Text;
  readonly points: readonly {
    readonly windowEnd: string;
    readonly value: Figure;
    readonly modelVersion?: string | number | undefined;
    readonly drifted?: boolean | null | undefined;
  }[];
};

/** One alert. */
export type ReportAlert = {
  readonly name: string;
  /** `DRIFT` or `PERFORMANCE`. */
  readonly kind?: Text;
  readonly message?: Text;
  /** Event time at which it was raised: the end of its window, so that it can be marked on the plots. */
  readonly raised?: Text;
  /** Event time at which it was resolved; missing while it is open. */
  readonly resolved?: Text;
  readonly modelVersion?: string | number | undefined;
};

/** What serving did. */
export type ReportPredictions = {
  readonly sent?: Figure;
  readonly failed?: Figure;
  /** Predictions by model version. */
  readonly byVersion?: Readonly<Record<string, number>> | undefined;
  /** Latency as seen by the client, in milliseconds. */
  readonly latencyMs?:
    | {
        readonly p50?: Figure;
        readonly p90?: Figure;
        readonly p95?: Figure;
        readonly p99?: Figure;
        readonly max?: Figure;
      }
    | undefined;
  /** Predictions by day of event time. */
  readonly byDay?:
    | readonly {
        /** For instance `2001-04-01`. */
        readonly day: string;
        readonly sent: Figure;
        readonly failed?: Figure;
        readonly modelVersion?: string | number | undefined;
        /** Mean predicted probability of the day. */
        readonly meanPrediction?: Figure;
        /** Share of positive labels, once known. */
        readonly labelRate?: Figure;
      }[]
    | undefined;
};

/** What the event bus did. */
export type ReportEvents = {
  readonly published?: Figure;
  /** Deliveries, all consumers together. */
  readonly delivered?: Figure;
  readonly byConsumer?:
    | readonly {
        readonly consumer: string;
        readonly delivered?: Figure;
        readonly failed?: Figure;
        /** Median time from commit to the consumer's start, in milliseconds. */
        readonly latencyMsP50?: Figure;
      }[]
    | undefined;
};

/** What the served model was made of. Edges run from what went in (`source`) to what came out (`target`). */
export type ReportLineage = {
  readonly nodes: readonly {
    /** Unique name; edges refer to it. */
    readonly name: string;
    /** For instance `file`, `dataset_version`, `training_set`, `model_version`, `endpoint`. */
    readonly kind: string;
    /** Shorter text to show instead of the name. */
    readonly label?: Text;
    readonly attributes?: Readonly<Record<string, string | number>> | undefined;
  }[];
  readonly edges: readonly { readonly source: string; readonly target: string }[];
};

/** A command that the reader can run next. */
export type ReportCommand = { readonly command: string; readonly what?: Text };
