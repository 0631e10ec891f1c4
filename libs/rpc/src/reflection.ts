import type { DescFile, DescService, MessageInitShape, Registry } from '@bufbuild/protobuf';
import { createRegistry, toBinary } from '@bufbuild/protobuf';
import { FileDescriptorProtoSchema } from '@bufbuild/protobuf/wkt';
import type { ServerReflectionRequest } from '@millrace/contracts/grpc/reflection/v1/reflection';
import { ServerReflection } from '@millrace/contracts/grpc/reflection/v1/reflection';
import type { ServerReflectionResponseSchema } from '@millrace/contracts/grpc/reflection/v1alpha/reflection';
import { ServerReflection as ServerReflectionAlpha } from '@millrace/contracts/grpc/reflection/v1alpha/reflection';
import { codeToNumber } from './codes.ts';
import type { ServiceRegistration } from './service.ts';
import { implement } from './service.ts';

/** A question without its message type, which differs between v1 and v1alpha. */
type Question = Pick<ServerReflectionRequest, 'host' | 'messageRequest'>;

type AlphaAnswer = MessageInitShape<typeof ServerReflectionResponseSchema>;

/** Server reflection, v1 and v1alpha, of these services and of itself. */
export function reflectionOf(services: readonly DescService[]): ServiceRegistration[] {
  const all = [...services, ServerReflection, ServerReflectionAlpha];
  const files = new Files(all);
  const names = all.map((service) => ({ name: service.typeName })).sort((a, b) => (a.name < b.name ? -1 : 1));
  const answer = (question: Question) => ({
    validHost: question.host,
    originalRequest: { host: question.host, messageRequest: question.messageRequest },
    messageResponse: responseTo(question.messageRequest, files, names),
  });
  return [
    implement(ServerReflection, {
      async *serverReflectionInfo(questions) {
        for await (const question of questions) yield answer(question);
      },
    }),
    implement(ServerReflectionAlpha, {
      async *serverReflectionInfo(questions) {
        // The alpha messages have the same fields under other type names.
        for await (const question of questions) yield answer(question as Question) as AlphaAnswer;
      },
    }),
  ];
}

function responseTo(question: Question['messageRequest'], files: Files, services: { name: string }[]) {
  switch (question.case) {
    case 'listServices':
      return { case: 'listServicesResponse' as const, value: { service: services } };
    case 'fileByFilename':
      return fileResponse(files.byName(question.value), files);
    case 'fileContainingSymbol':
      return fileResponse(files.bySymbol(question.value), files);
    case 'fileContainingExtension':
      return fileResponse(files.byExtension(question.value.containingType, question.value.extensionNumber), files);
    case 'allExtensionNumbersOfType':
      return {
        case: 'allExtensionNumbersResponse' as const,
        value: { baseTypeName: question.value, extensionNumber: files.extensionNumbers(question.value) },
      };
    default:
      return notFoundResponse('The question is empty.');
  }
}

function fileResponse(file: DescFile | undefined, files: Files) {
  if (file === undefined) return notFoundResponse('No file of this server declares it.');
  return { case: 'fileDescriptorResponse' as const, value: { fileDescriptorProto: files.withImports(file) } };
}

function notFoundResponse(errorMessage: string) {
  return { case: 'errorResponse' as const, value: { errorCode: codeToNumber('NOT_FOUND'), errorMessage } };
}

/** All files that the services come from, with their imports. */
class Files {
  readonly #registry: Registry;
  readonly #byName = new Map<string, DescFile>();

  constructor(services: readonly DescService[]) {
    for (const service of services) this.#add(service.file);
    this.#registry = createRegistry(...this.#byName.values());
  }

  byName(name: string): DescFile | undefined {
    return this.#byName.get(name.replace(/\.proto$/, ''));
  }

  /** Finds the file of a type, service, extension, method, field or enum value by its full name. */
  bySymbol(symbol: string): DescFile | undefined {
    const parent = symbol.slice(0, Math.max(0, symbol.lastIndexOf('.')));
    return (this.#registry.get(symbol) ?? this.#registry.get(parent))?.file;
  }

  byExtension(typeName: string, number: number): DescFile | undefined {
    const extendee = this.#registry.getMessage(typeName);
    return extendee && this.#registry.getExtensionFor(extendee, number)?.file;
  }

  extensionNumbers(typeName: string): number[] {
    const extensions = [...this.#registry].filter((d) => d.kind === 'extension' && d.extendee.typeName === typeName);
    return extensions.map((d) => (d.kind === 'extension' ? d.number : 0));
  }

  withImports(file: DescFile): Uint8Array[] {
    const needed = new Set<DescFile>();
    const visit = (next: DescFile) => {
      if (needed.has(next)) return;
      needed.add(next);
      next.dependencies.forEach(visit);
    };
    visit(file);
    return [...needed].map((f) => toBinary(FileDescriptorProtoSchema, f.proto));
  }

  #add(file: DescFile): void {
    if (this.#byName.has(file.name)) return;
    this.#byName.set(file.name, file);
    for (const dependency of file.dependencies) this.#add(dependency);
  }
}
