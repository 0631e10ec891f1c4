/** Resources that the pipelines of the tests share. */
const RESOURCES = `
resources:
  sources: [{ name: file, file: { paths: [flights.parquet] } }]
  datasets: [{ name: flights }]
  dataContracts: [{ name: flights, dataset: flights }]
  entities: [{ name: origin, joinKeys: [{ name: origin, type: DATA_TYPE_STRING }] }]
  featureViews:
    - { name: origin, entity: origin, dataset: flights, eventTime: date, refresh: 1d, features: [{ name: delay, expression: delay }] }
  featureServices: [{ name: flights, eventTimeColumn: date, views: [{ featureView: origin }] }]
  endpoints: [{ name: flights, registeredModel: flights }]
  monitors: [{ name: flights, endpoint: flights, window: 7d }]
`;

/** One step of each action, in a chain and two branches. */
export const WHOLE = `
name: whole
parameters: [{ name: until }]
${RESOURCES}
steps:
  - { id: ingest, ingest: { source: file, dataset: flights, cursorColumn: date, cursorEnd: "\${parameters.until}" } }
  - { id: validate, validate: { dataset: flights, datasetVersion: "\${steps.ingest.datasetVersion}", dataContract: flights } }
  - { id: materialize, after: [validate], materialize: { featureViews: [origin], asOf: "\${parameters.until}" } }
  - id: set
    trainingSet: { featureService: flights, labelDataset: "\${steps.validate.datasetVersion}", label: delay >= 15 }
  - { id: train, train: { trainingSet: "\${steps.set.trainingSet}", estimator: { gradientBoosting: {} } } }
  - { id: register, register: { registeredModel: flights, trainingJob: "\${steps.train.trainingJob}" } }
  - { id: promote, promote: { modelVersion: "\${steps.register.modelVersion}" } }
  - id: deploy
    when: { value: "\${steps.promote.decision}", equals: PROMOTED }
    deploy: { endpoint: flights, modelVersion: "\${steps.promote.modelVersion}" }
  - { id: monitor, after: [deploy], monitor: { monitor: flights, windowStart: "2001-04-01T00:00:00Z" } }
  - { id: redeploy, deploy: { endpoint: flights, modelVersion: "\${steps.deploy.modelVersion}" } }
`;

/** A load that can be retried quickly. */
export const LOAD = `
name: load
parameters: [{ name: asOf, defaultValue: "2001-01-01" }]
${RESOURCES}
steps:
  - id: ingest
    retry: { attemptsMax: 2, backoff: 0.01s }
    ingest: { source: file, dataset: flights }
  - { id: validate, validate: { dataset: flights, datasetVersion: "\${steps.ingest.datasetVersion}" } }
schedules:
  - { id: daily, calendar: { calendar: flights, every: 1d }, parameters: { asOf: "\${schedule.time}" } }
triggers:
  - id: degraded
    subject: millrace.monitoring.v1.alert.raised
    filter: { alert.endpoint: flights, alert.kind: PERFORMANCE }
    cooldown: 1d
    parameters: { asOf: "\${event.alert.windowEnd}" }
`;
