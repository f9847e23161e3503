// What somebody types is not lost to a list that is read anew meanwhile.
import type { RefObject, VNode } from "preact";
import { useEffect, useRef } from "preact/hooks";

// useKept gives a field the value that was told, unless somebody types there just
// now: that is newer.
export function useKept(value: string): RefObject<HTMLInputElement | null> {
  const field = useRef<HTMLInputElement>(null);
  useEffect(() => {
    if (field.current && document.activeElement !== field.current) field.current.value = value;
  }, [value]);
  return field;
}

interface TypedProps { value: string; set: (text: string) => void; name: string; placeholder: string; class: string; wrong?: boolean; list?: string }

// Typed is a field that tells its text when one is done with it.
export function Typed({ value, set, name, wrong = false, list, ...rest }: TypedProps): VNode {
  return <input {...rest} ref={useKept(value)} aria-label={name} aria-invalid={wrong} maxLength={500} list={list} defaultValue={value} onChange={(e) => set(e.currentTarget.value.trim())} />;
}
