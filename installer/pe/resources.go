package pe

import (
	"bytes"
	"encoding/binary"
	"image"
	"slices"
	"unicode/utf16"
)

// Picture is the icon in one size: pixels, or for the largest a PNG.
type Picture struct {
	Side   int
	Pixels *image.NRGBA // nil: PNG has it
	PNG    []byte
}

// Kinds of resources.
const (
	kindIcon    = 3
	kindGroup   = 14
	kindVersion = 16
)

// English, in letters of 16 bits.
const (
	language = 1033
	letters  = 1200
)

// leaf is one resource.
type leaf struct {
	kind, id int
	raw      []byte
}

type writer struct{ bytes.Buffer }

func (w *writer) put(numbers ...any) {
	for _, n := range numbers {
		_ = binary.Write(w, binary.LittleEndian, n) // a buffer takes everything
	}
}

// resources is the section with everything, for the address that it is loaded at.
func resources(v Version, icon []Picture, address int) []byte {
	var all []leaf
	for i, p := range icon {
		all = append(all, leaf{kindIcon, i + 1, p.raw()})
	}
	if len(icon) > 0 {
		all = append(all, leaf{kindGroup, 1, group(icon)})
	}
	return tree(append(all, leaf{kindVersion, 1, v.raw()}), address)
}

const (
	directorySize = 16
	entrySize     = 8
	dataSize      = 16
	below         = 1 << 31 // an entry leads to a directory
)

// tree writes the three levels (kind, number, language) and what hangs on them.
func tree(all []leaf, address int) []byte {
	var kinds []int
	for _, l := range all {
		kinds = append(kinds, l.kind)
	}
	kinds = slices.Compact(slices.Sorted(slices.Values(kinds)))
	of := func(kind int) (list []leaf) {
		for _, l := range all {
			if l.kind == kind {
				list = append(list, l)
			}
		}
		return list
	}
	names := directorySize + entrySize*len(kinds)                      // where the second level begins
	languages := names + directorySize*len(kinds) + entrySize*len(all) // the third
	entries := languages + (directorySize+entrySize)*len(all)          // what says where data is
	at := up(entries+dataSize*len(all), 8)                             // the data
	var first, second, third, where, data writer
	directory := func(w *writer, n int) { w.put(uint32(0), uint32(0), uint32(0), uint16(0), uint16(n)) }
	directory(&first, len(kinds))
	seen := 0
	for _, kind := range kinds {
		first.put(uint32(kind), uint32(names+second.Len())|below)
		list := of(kind)
		directory(&second, len(list))
		for _, l := range list {
			second.put(uint32(l.id), uint32(languages+third.Len())|below)
			directory(&third, 1)
			third.put(uint32(language), uint32(entries+dataSize*seen))
			where.put(uint32(address+at+data.Len()), uint32(len(l.raw)), uint32(0), uint32(0))
			data.Write(l.raw)
			for data.Len()%8 != 0 {
				data.WriteByte(0)
			}
			seen++
		}
	}
	out := slices.Concat(first.Bytes(), second.Bytes(), third.Bytes(), where.Bytes())
	out = append(out, make([]byte, at-len(out))...)
	return append(out, data.Bytes()...)
}

// raw is a picture as a program carries it: the PNG, or rows from below, each pixel
// blue, green, red and how opaque, and then a mask of what is not there at all.
func (p Picture) raw() []byte {
	if p.Pixels == nil {
		return p.PNG
	}
	var w writer
	w.put(uint32(40), int32(p.Side), int32(2*p.Side), uint16(1), uint16(32), uint32(0), uint32(0), uint32(0), uint32(0), uint32(0), uint32(0))
	mask := make([]byte, up(p.Side, 32)/8*p.Side)
	for row := range p.Side {
		for x := range p.Side {
			c := p.Pixels.NRGBAAt(x, p.Side-1-row)
			w.Write([]byte{c.B, c.G, c.R, c.A})
			if c.A == 0 {
				mask[row*up(p.Side, 32)/8+x/8] |= 0x80 >> (x % 8)
			}
		}
	}
	w.Write(mask)
	return w.Bytes()
}

// group says which pictures are one icon.
func group(icon []Picture) []byte {
	var w writer
	w.put(uint16(0), uint16(1), uint16(len(icon)))
	for i, p := range icon {
		w.put(uint8(p.Side), uint8(p.Side), uint8(0), uint8(0), uint16(1), uint16(32), uint32(len(p.raw())), uint16(i+1)) // 256 is written as 0
	}
	return w.Bytes()
}

// raw is the version: blocks within blocks, each with its length, on places that
// four divides.
func (v Version) raw() []byte {
	var fixed writer
	high, low := uint32(v.Numbers[0])<<16|uint32(v.Numbers[1]), uint32(v.Numbers[2])<<16|uint32(v.Numbers[3])
	const mark, form, flags, windowsNT, program = 0xfeef04bd, 0x00010000, 0x3f, 0x40004, 1
	fixed.put(uint32(mark), uint32(form), high, low, high, low, uint32(flags), uint32(0), uint32(windowsNT), uint32(program), uint32(0), uint32(0), uint32(0))
	var texts [][]byte
	for _, pair := range [][2]string{{"CompanyName", v.Company}, {"FileDescription", v.Description}, {"FileVersion", v.Text}, {"InternalName", v.File},
		{"LegalCopyright", v.Copyright}, {"OriginalFilename", v.File}, {"ProductName", v.Product}, {"ProductVersion", v.Text}} {
		value := wide(pair[1])
		texts = append(texts, block(pair[0], len(value)/2, true, value))
	}
	var translation writer
	translation.put(uint16(language), uint16(letters))
	return block("VS_VERSION_INFO", fixed.Len(), false, fixed.Bytes(),
		block("StringFileInfo", 0, true, nil, block("040904B0", 0, true, nil, texts...)),
		block("VarFileInfo", 0, true, nil, block("Translation", translation.Len(), false, translation.Bytes())))
}

func block(name string, length int, text bool, value []byte, children ...[]byte) []byte {
	var w writer
	kind := uint16(0)
	if text {
		kind = 1
	}
	w.put(uint16(0), uint16(length), kind)
	w.Write(wide(name))
	pad := func() {
		for w.Len()%4 != 0 {
			w.WriteByte(0)
		}
	}
	pad()
	w.Write(value)
	for _, c := range children {
		pad()
		w.Write(c)
	}
	raw := w.Bytes()
	binary.LittleEndian.PutUint16(raw, uint16(len(raw)))
	return raw
}

// wide is a text in letters of 16 bits, with an end.
func wide(text string) []byte {
	var w writer
	w.put(utf16.Encode([]rune(text)), uint16(0))
	return w.Bytes()
}
