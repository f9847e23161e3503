package msi

import (
	"bytes"
	"encoding/binary"
	"errors"
)

// timeless takes the times of the building machine out of the directory of a
// compound file: each entry of 128 bytes has two of them, at 100 and 108.
func timeless(raw []byte) error {
	errShape := errors.New("msibuild made no compound file")
	if len(raw) < 512 || !bytes.HasPrefix(raw, []byte{0xd0, 0xcf, 0x11, 0xe0, 0xa1, 0xb1, 0x1a, 0xe1}) {
		return errShape
	}
	u32 := func(at int) int {
		if at < 0 || at+4 > len(raw) {
			return -1
		}
		return int(int32(binary.LittleEndian.Uint32(raw[at:])))
	}
	size := 1 << binary.LittleEndian.Uint16(raw[30:])
	if size != 512 && size != 4096 {
		return errShape
	}
	place := func(sector int) int { return (sector + 1) * size }
	perSector := size / 4
	// next is the sector that follows, by the table whose first parts are named in
	// the header and whose others are in sectors of their own.
	next := func(sector int) int {
		part := sector / perSector
		if part < 109 {
			return u32(place(u32(76+4*part)) + sector%perSector*4)
		}
		at, list := part-109, u32(68)
		for ; at >= perSector-1; at -= perSector - 1 {
			list = u32(place(list) + size - 4)
		}
		return u32(place(u32(place(list)+at*4)) + sector%perSector*4)
	}
	steps := len(raw)/size + 1
	for sector := u32(48); sector >= 0; sector = next(sector) {
		from := place(sector)
		if steps--; steps < 0 || from+size > len(raw) {
			return errShape
		}
		for entry := from; entry < from+size; entry += 128 {
			clear(raw[entry+100 : entry+116])
		}
	}
	return nil
}
