// Package pe puts a version and an icon into a finished program for Windows, as a
// section of resources at its end.
//
// Nothing else of the program is touched, and the same program, version and icon
// give the same bytes. It is done before a program is signed: one that carries a
// signature, or resources already, is refused. What readers see is checked with
// programs that others wrote. Read resources.go for the resources themselves.
package pe

import (
	"encoding/binary"
	"errors"
	"fmt"
)

// Version is what the properties of a file show.
type Version struct {
	Numbers     [4]uint16
	Text        string // as the program itself says it
	Description string // what Windows calls the program, such as in the list of tasks
	File        string // its name
	Product     string
	Company     string
	Copyright   string
}

// Places in the headers of a program with 64 bits.
const (
	newHeader     = 0x3c // where the place of "PE" stands
	coffSize      = 24
	magic64       = 0x20b
	atInitialized = 8
	atSectionUnit = 32
	atFileUnit    = 36
	atImageSize   = 56
	atHeaderSize  = 60
	atChecksum    = 64
	atDirectories = 112
	resourceTable = atDirectories + 2*8
	signatures    = atDirectories + 4*8
	sectionSize   = 40
	readOnlyData  = 0x40000040 // initialised data, for reading
)

// errShape says that a file is no program that this package understands.
var errShape = errors.New("it is no program for Windows with 64 bits")

// header is a program with the places in it.
type header struct {
	raw      []byte
	optional int // where the optional header begins
	table    int // where the sections stand
	sections int
}

func (im header) u16(at int) int     { return int(binary.LittleEndian.Uint16(im.raw[at:])) }
func (im header) u32(at int) int     { return int(binary.LittleEndian.Uint32(im.raw[at:])) }
func (im header) put(at, number int) { binary.LittleEndian.PutUint32(im.raw[at:], uint32(number)) }

func read(program []byte) (header, error) {
	im := header{raw: program}
	if len(program) < 512 || string(program[:2]) != "MZ" {
		return im, errShape
	}
	coff := im.u32(newHeader)
	if coff < 0 || coff > 4096 || coff+coffSize+signatures+8 > len(program) || string(program[coff:coff+4]) != "PE\x00\x00" {
		return im, errShape
	}
	im.optional, im.sections = coff+coffSize, im.u16(coff+6)
	im.table = im.optional + im.u16(coff+20)
	if im.u16(im.optional) != magic64 || im.sections == 0 || im.table+(im.sections+1)*sectionSize > len(program) {
		return im, errShape
	}
	return im, nil
}

// With is the program with a version and an icon; without pictures it has no icon.
func With(program []byte, v Version, icon []Picture) ([]byte, error) {
	im, err := read(append([]byte(nil), program...))
	if err != nil {
		return nil, err
	}
	if im.u32(im.optional+signatures) != 0 || im.u32(im.optional+resourceTable) != 0 {
		return nil, errors.New("the program has a signature or resources already")
	}
	unit, fileUnit := im.u32(im.optional+atSectionUnit), im.u32(im.optional+atFileUnit)
	if unit <= 0 || fileUnit <= 0 || unit > 1<<16 || fileUnit > 1<<16 {
		return nil, errShape
	}
	own := im.table + im.sections*sectionSize
	room, end := im.u32(im.optional+atHeaderSize), 0
	for s := im.table; s < own; s += sectionSize {
		end = max(end, im.u32(s+12)+max(im.u32(s+8), im.u32(s+16)))
		if from := im.u32(s + 20); from > 0 {
			room = min(room, from)
		}
	}
	if own+sectionSize > room {
		return nil, errors.New("the program's headers have no room for another section")
	}
	address := up(end, unit)
	data := resources(v, icon, address)
	if len(data) > 4<<20 || len(im.raw) > 1<<30 {
		return nil, fmt.Errorf("%d bytes of resources in a program of %d are too many", len(data), len(im.raw))
	}
	for len(im.raw)%fileUnit != 0 {
		im.raw = append(im.raw, 0)
	}
	at, size := len(im.raw), up(len(data), fileUnit)
	im.raw = append(append(im.raw, data...), make([]byte, size-len(data))...)
	copy(im.raw[own:own+sectionSize], make([]byte, sectionSize))
	copy(im.raw[own:], ".rsrc")
	for place, number := range map[int]int{8: len(data), 12: address, 16: size, 20: at, 36: readOnlyData} {
		im.put(own+place, number)
	}
	binary.LittleEndian.PutUint16(im.raw[im.optional-coffSize+6:], uint16(im.sections+1))
	im.put(im.optional+atInitialized, im.u32(im.optional+atInitialized)+size)
	im.put(im.optional+atImageSize, up(address+len(data), unit))
	im.put(im.optional+atChecksum, 0) // who signs it counts anew; drivers alone need one
	im.put(im.optional+resourceTable, address)
	im.put(im.optional+resourceTable+4, len(data))
	return im.raw, nil
}

// up is the next multiple.
func up(n, unit int) int { return (n + unit - 1) / unit * unit }
