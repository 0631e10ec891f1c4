/** The moment of a text in RFC 3339 with an offset, or of a plain day, which is its midnight in UTC. */
export function parseTime(text: string): Date | undefined {
  const isTime = /^\d{4}-\d\d-\d\d([Tt ]\d\d:\d\d:\d\d(\.\d{1,9})?([Zz]|[+-]\d\d:\d\d))?$/.test(text);
  const time = new Date(text.replace(' ', 'T'));
  return isTime && !Number.isNaN(time.getTime()) ? time : undefined;
}

/** Says what is wrong with a text that is not a time. */
export function timeRemedy(text: string): string {
  return `${JSON.stringify(text.slice(0, 80))} is not a time. Write RFC 3339, for example 2001-04-01T00:00:00Z, or a day, 2001-04-01.`;
}
