package privilege

import (
	"bytes"
	"debug/elf"
	"fmt"
	"io"
	"path/filepath"
	"strings"
)

// checkELF refuses a program that would load code from places where users can
// put it: an interpreter, a library or a library folder that is named by the
// program itself. Libraries named without a folder come from the system's own.
func checkELF(r io.ReaderAt) error {
	f, err := elf.NewFile(r)
	if err != nil {
		return fmt.Errorf("%w: it is not a readable ELF file: %w", ErrUnsafe, err)
	}
	interp, dynamic := 0, 0
	for _, p := range f.Progs {
		switch p.Type {
		case elf.PT_INTERP:
			interp++
			name, err := io.ReadAll(io.LimitReader(p.Open(), 4096))
			if err != nil {
				return fmt.Errorf("%w: read its interpreter: %w", ErrUnsafe, err)
			}
			if err := trusted("its interpreter", string(bytes.TrimRight(name, "\x00"))); err != nil {
				return err
			}
		case elf.PT_DYNAMIC:
			dynamic++
		}
	}
	if interp > 1 || dynamic > 1 {
		return fmt.Errorf("%w: it has several interpreters or dynamic parts", ErrUnsafe)
	}
	if dynamic == 0 {
		return nil
	}
	if f.SectionByType(elf.SHT_DYNAMIC) == nil {
		return fmt.Errorf("%w: what it loads can not be read", ErrUnsafe)
	}
	return checkDynamic(f)
}

func checkDynamic(f *elf.File) error {
	for _, tag := range []elf.DynTag{elf.DT_RPATH, elf.DT_RUNPATH} {
		lists, err := f.DynString(tag)
		if err != nil {
			return fmt.Errorf("%w: read its library folders: %w", ErrUnsafe, err)
		}
		for _, list := range lists {
			for _, dir := range strings.FieldsFunc(list, func(c rune) bool { return c == ':' || c == ';' }) {
				if err := trusted("its library folder", dir); err != nil {
					return err
				}
			}
		}
	}
	for _, tag := range []elf.DynTag{elf.DT_AUDIT, elf.DT_DEPAUDIT, elf.DT_AUXILIARY, elf.DT_FILTER} {
		if values, err := f.DynValue(tag); err != nil || len(values) > 0 {
			return fmt.Errorf("%w: it loads libraries by %s", ErrUnsafe, tag)
		}
	}
	names, err := f.DynString(elf.DT_NEEDED)
	if err != nil {
		return fmt.Errorf("%w: read its libraries: %w", ErrUnsafe, err)
	}
	for _, name := range names {
		if strings.ContainsAny(name, "/$:") {
			if err := trusted("its library", name); err != nil {
				return err
			}
		}
	}
	return nil
}

// trusted wants an absolute path without variables that only root can change.
// A folder that is not there counts as the nearest one above it that is.
func trusted(what, path string) error {
	if !filepath.IsAbs(path) || strings.ContainsAny(path, "$:") {
		return fmt.Errorf("%w: %s is %q", ErrUnsafe, what, path)
	}
	for p := filepath.Clean(path); ; p = filepath.Dir(p) {
		ok, err := RootOnly(p)
		if ok {
			return nil
		}
		if err == nil || p == "/" {
			return fmt.Errorf("%w: %s is %s, which users can change", ErrUnsafe, what, path)
		}
	}
}

// checkInterpreter reads the first line of a script like the kernel does. Only
// an absolute interpreter that root alone can change is accepted, or env with
// the plain name of one in the fixed search path.
func checkInterpreter(head []byte) error {
	line, _, whole := bytes.Cut(head, []byte("\n"))
	if !whole && len(head) >= 256 {
		return fmt.Errorf("%w: its first line is too long", ErrUnsafe)
	}
	f := strings.Fields(strings.TrimPrefix(string(line), "#!"))
	if len(f) == 0 {
		return fmt.Errorf("%w: it names no interpreter", ErrUnsafe)
	}
	if err := trusted("its interpreter", f[0]); err != nil {
		return err
	}
	if filepath.Base(f[0]) != "env" || len(f) == 1 {
		return nil
	}
	if len(f) > 2 || strings.HasPrefix(f[1], "-") || strings.Contains(f[1], "=") {
		return fmt.Errorf("%w: its interpreter line is %q", ErrUnsafe, line)
	}
	if strings.Contains(f[1], "/") {
		return trusted("its interpreter", f[1])
	}
	for _, dir := range strings.Split(SystemPath(), ":") {
		if ok, err := RootOnly(filepath.Join(dir, f[1])); err == nil && ok {
			return nil
		}
	}
	return fmt.Errorf("%w: its interpreter %q is not in the system's folders", ErrUnsafe, f[1])
}
