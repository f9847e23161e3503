package pkg

import (
	"bytes"
	"debug/macho"
	"encoding/binary"
	"errors"
	"fmt"
)

// Both halves begin at a multiple of a page of either architecture.
const (
	pageBits = 14
)

// Universal is one program for Intel and for Apple's processors, of two.
func Universal(intel, apple []byte) ([]byte, error) {
	var b bytes.Buffer
	put := func(words ...uint32) {
		for _, w := range words {
			b.Write(binary.BigEndian.AppendUint32(nil, w))
		}
	}
	put(macho.MagicFat, 2)
	offset := uint32(1 << pageBits)
	halves := [][]byte{intel, apple}
	for i, want := range []macho.Cpu{macho.CpuAmd64, macho.CpuArm64} {
		f, err := macho.NewFile(bytes.NewReader(halves[i]))
		if err != nil {
			return nil, fmt.Errorf("read a program for macOS: %w", err)
		}
		if f.Cpu != want || f.Type != macho.TypeExec {
			return nil, fmt.Errorf("a program is for %v, not for %v", f.Cpu, want)
		}
		put(uint32(f.Cpu), f.SubCpu, offset, uint32(len(halves[i])), pageBits)
		offset = page(offset + uint32(len(halves[i])))
	}
	for _, half := range halves {
		b.Write(make([]byte, int(page(uint32(b.Len())))-b.Len()))
		b.Write(half)
	}
	return b.Bytes(), nil
}

func page(n uint32) uint32 { return (n + 1<<pageBits - 1) >> pageBits << pageBits }

// isUniversal makes sure that a program runs on each Mac.
func isUniversal(raw []byte) error {
	f, err := macho.NewFatFile(bytes.NewReader(raw))
	if err != nil {
		return fmt.Errorf("it is no universal program: %w", err)
	}
	if len(f.Arches) != 2 || f.Arches[0].Cpu != macho.CpuAmd64 || f.Arches[1].Cpu != macho.CpuArm64 {
		return errors.New("it is not for both architectures")
	}
	return nil
}
