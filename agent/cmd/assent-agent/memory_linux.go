package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime/debug"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// giveBackEvery is how often it is looked whether memory that is no longer used
// can go back to the system. An elevation needs some for a moment, the hours
// between them do not.
const giveBackEvery = 30 * time.Second

func giveBack(ctx context.Context) error {
	t := time.NewTicker(giveBackEvery)
	defer t.Stop()
	var h hoard
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-t.C:
		}
		if resident, err := residentPages(); err == nil && !h.due(resident) {
			continue
		}
		debug.FreeOSMemory()
		_ = letGoOfProgram() // it costs a little memory, nothing else
	}
}

// hoard knows how much memory an idle agent keeps using, so that one which does
// nothing does not spend its time on giving back what it needs again at once.
// The zero value gives back at the first look.
type hoard struct {
	used  int64 // pages, one look after memory was given back; 0 = not known
	given bool  // at the look before
}

// growth is how many pages more than that make it worth while: 1 MB.
const growth = 256

// due reports whether memory is to be given back now.
func (h *hoard) due(resident int64) bool {
	switch {
	case h.given:
		h.given, h.used = false, resident
		return false
	case h.used > 0 && resident <= h.used+growth:
		return false
	}
	h.given = true
	return true
}

// residentPages is how much of this process is in memory, see proc(5) on statm.
func residentPages() (int64, error) {
	raw, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		return 0, err
	}
	var size, resident int64
	_, err = fmt.Sscan(string(raw), &size, &resident)
	return resident, err
}

// letGoOfProgram takes the pages of this program's file out of its memory. Most
// of them were needed once, at the start or for an elevation; those that are used
// again come back from the system's cache by themselves.
func letGoOfProgram() error {
	exe, err := os.Readlink("/proc/self/exe")
	if err != nil {
		return err
	}
	raw, err := os.ReadFile("/proc/self/smaps")
	if err != nil {
		return err
	}
	var errs []error
	for _, m := range cleanMappings(bytes.NewReader(raw), exe) {
		for _, p := range m.pieces() {
			_, _, _ = unix.Syscall(unix.SYS_MADVISE, p.from, p.to-p.from, unix.MADV_NOHUGEPAGE) // not every kernel has large pages
		}
		if _, _, n := unix.Syscall(unix.SYS_MADVISE, m.from, m.to-m.from, unix.MADV_DONTNEED); n != 0 {
			errs = append(errs, fmt.Errorf("let go of pages: %w", n))
		}
	}
	return errors.Join(errs...)
}

// piece is half of a large page.
const piece = 1 << 20

// pieces is every other piece of a mapping. A file system may keep the program in
// large pages, and one byte that is used would bring 2 MB; regions of the memory
// that are smaller are given what they use. Neighbours are apart when what is
// wanted of them differs.
func (m mapping) pieces() (list []mapping) {
	for from := m.from; from < m.to; {
		to := min(from-from%piece+piece, m.to)
		if from/piece%2 == 0 {
			list = append(list, mapping{from, to})
		}
		from = to
	}
	return list
}

// mapping is a part of this program's memory.
type mapping struct{ from, to uintptr }

// cleanMappings finds the parts of smaps that only read a file and hold nothing
// but what it has: no debugger or probe has put anything in.
func cleanMappings(smaps io.Reader, file string) []mapping {
	var list []mapping
	var at mapping
	ours := false
	for s := bufio.NewScanner(smaps); s.Scan(); {
		line := s.Text()
		f := strings.Fields(line)
		switch {
		case len(f) == 6 && strings.Contains(f[0], "-"):
			_, err := fmt.Sscanf(f[0], "%x-%x", &at.from, &at.to)
			ours = err == nil && f[5] == file && (f[1] == "r-xp" || f[1] == "r--p")
		case len(f) >= 5 && strings.Contains(f[0], "-"):
			ours = false
		case ours && len(f) == 3 && f[0] == "Anonymous:" && f[1] == "0":
			list = append(list, at)
		}
	}
	return list
}
