import type { DescField, DescMessage, MessageShape } from '@bufbuild/protobuf';
import { clone, ScalarType } from '@bufbuild/protobuf';
import type { ReflectList, ReflectMap, ReflectMessage } from '@bufbuild/protobuf/reflect';
import { reflect } from '@bufbuild/protobuf/reflect';

/** A text in a message and where it stands. */
export interface TextPlace {
  readonly field: DescField;
  /** Path in the JSON form, for example `train.preprocessing[0].columns[1]`. */
  readonly path: string;
  readonly text: string;
}

/** Calls `visit` for every text that is set in a message, however deep. */
export function visitTexts<D extends DescMessage>(
  schema: D,
  message: MessageShape<D>,
  path: string,
  visit: (place: TextPlace) => void,
): void {
  walk(reflect(schema, message), path, (place) => {
    visit(place);
    return place.text;
  });
}

/** A copy of a message in which every text is what `map` gives for it. */
export function mapTexts<D extends DescMessage>(
  schema: D,
  message: MessageShape<D>,
  path: string,
  map: (place: TextPlace) => string,
): MessageShape<D> {
  const copy = clone(schema, message);
  walk(reflect(schema, copy), path, map);
  return copy;
}

function walk(message: ReflectMessage, path: string, map: (place: TextPlace) => string): void {
  for (const field of message.fields) {
    if (!message.isSet(field)) continue;
    const at = path === '' ? field.jsonName : `${path}.${field.jsonName}`;
    switch (field.fieldKind) {
      case 'scalar':
        if (field.scalar === ScalarType.STRING) replace(message, field, at, map);
        break;
      case 'message':
        walk(message.get(field) as ReflectMessage, at, map);
        break;
      case 'list':
        walkList(message.get(field) as ReflectList, at, map);
        break;
      case 'map':
        walkMap(message.get(field) as ReflectMap, at, map);
        break;
    }
  }
}

function replace(message: ReflectMessage, field: DescField, path: string, map: (place: TextPlace) => string): void {
  const text = message.get(field as DescField & { fieldKind: 'scalar' }) as string;
  const next = map({ field, path, text });
  if (next !== text) message.set(field as DescField & { fieldKind: 'scalar' }, next);
}

function walkList(list: ReflectList, path: string, map: (place: TextPlace) => string): void {
  const field = list.field();
  for (let i = 0; i < list.size; i++) {
    const at = `${path}[${i}]`;
    if (field.listKind === 'message') walk(list.get(i) as ReflectMessage, at, map);
    else if (field.listKind === 'scalar' && field.scalar === ScalarType.STRING) {
      list.set(i, map({ field, path: at, text: list.get(i) as string }));
    }
  }
}

function walkMap(values: ReflectMap, path: string, map: (place: TextPlace) => string): void {
  const field = values.field();
  for (const [key, value] of [...values]) {
    const at = `${path}["${key}"]`;
    if (field.mapKind === 'message') walk(value as ReflectMessage, at, map);
    else if (field.mapKind === 'scalar' && field.scalar === ScalarType.STRING) {
      values.set(key, map({ field, path: at, text: value as string }));
    }
  }
}
