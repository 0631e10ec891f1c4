/** What the tables library says about a rejected row, as a dead letter: `raw` is JSON or a line of text. */
export function letterSql(rejectsSql: string): string {
  return `SELECT ${RULE} AS rule, error,
    CASE WHEN json_valid(raw) AND json_type(raw) = 'OBJECT' THEN raw ELSE CAST(json_object('raw', raw) AS VARCHAR) END AS row_json,
    ${ORIGIN} AS origin FROM (${rejectsSql})`;
}

/** A value that does not fit its column, or a row that cannot be read at all. */
export const RULE = `CASE WHEN reason IN ('CAST', 'LOSSY_CAST') THEN 'schema.types' ELSE 'parse' END`;
/** File and line, as far as they are known. */
export const ORIGIN = `coalesce(path, '') || coalesce(':' || line, '')`;
