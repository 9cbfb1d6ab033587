export { h, render, Fragment, createContext } from "preact";
export {
    useState, useEffect, useLayoutEffect, useRef, useId, useMemo, useCallback, useContext, useErrorBoundary,
} from "preact/hooks";
export { signal, computed, effect, batch, untracked, useSignal, useComputed, useSignalEffect } from "@preact/signals";
export type { Signal, ReadonlySignal } from "@preact/signals";
import type { VNode } from "preact";
export const html: (strings: TemplateStringsArray, ...values: unknown[]) => VNode<any>;
