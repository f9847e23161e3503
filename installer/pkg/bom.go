package pkg

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"path"
	"slices"
	"time"
)

// A Bom is numbered blocks and names for some of them. Paths is a tree whose leaves
// pair what is known of a path with its name and its folder's number. All numbers
// are big endian.
const (
	bomHeader = 512
	leafSize  = 4096
	perLeaf   = 256
	kindFile  = 1
	kindDir   = 2
)

type bomWriter struct {
	blocks [][]byte
	names  []string
	named  []uint32
}

// add keeps a block and answers its number; the first is 1.
func (w *bomWriter) add(parts ...any) uint32 {
	var b bytes.Buffer
	for _, part := range parts {
		switch part := part.(type) {
		case []byte:
			b.Write(part)
		case uint8:
			b.WriteByte(part)
		case uint16:
			b.Write(binary.BigEndian.AppendUint16(nil, part))
		case uint32:
			b.Write(binary.BigEndian.AppendUint32(nil, part))
		}
	}
	w.blocks = append(w.blocks, b.Bytes())
	return uint32(len(w.blocks))
}

func (w *bomWriter) name(name string, block uint32) {
	w.names, w.named = append(w.names, name), append(w.named, block)
}

// tree is the block that says where a tree begins.
func (w *bomWriter) tree(root, size, paths uint32) uint32 {
	return w.add([]byte("tree"), uint32(1), root, size, paths, uint8(0))
}

func (w *bomWriter) emptyTree(size uint32) uint32 {
	leaf := make([]byte, size)
	leaf[1] = 1
	return w.tree(w.add(leaf), size, 0)
}

// bom lists what a payload holds.
func bom(entries []entry, date time.Time) []byte {
	w := &bomWriter{}
	w.name("BomInfo", w.add(uint32(1), uint32(len(entries)+1), uint32(0)))
	w.name("Paths", w.tree(w.paths(entries, date), leafSize, uint32(len(entries))))
	w.name("HLIndex", w.emptyTree(leafSize))
	w.name("VIndex", w.add(uint32(1), w.emptyTree(128), uint32(0), uint8(0)))
	w.name("Size64", w.emptyTree(leafSize))
	return w.bytes()
}

// pair is one line of a leaf: two blocks.
type pair struct{ info, file uint32 }

func (w *bomWriter) paths(entries []entry, date time.Time) uint32 {
	number := map[string]uint32{}
	for i, e := range entries {
		number[e.name] = uint32(i + 1)
	}
	parent := func(e entry) uint32 {
		dir := path.Dir(e.name)
		if e.name == "." {
			return 0
		}
		if dir != "." {
			dir = "./" + dir
		}
		return number[dir]
	}
	// Keys of the tree are the folder's number, then the name.
	entries = slices.Clone(entries)
	slices.SortFunc(entries, func(a, b entry) int {
		return cmp.Or(cmp.Compare(parent(a), parent(b)), cmp.Compare(path.Base(a.name), path.Base(b.name)))
	})
	var lines []pair
	for _, e := range entries {
		kind, sum := uint8(kindDir), uint32(0)
		if !e.isDir() {
			kind, sum = kindFile, cksum(e.raw)
		}
		const architectures, known = uint16(0x0f), uint8(1)
		about := w.add(kind, known, architectures, uint16(e.unixMode()), uint32(0), e.group, uint32(date.Unix()), uint32(len(e.raw)), known, sum, uint32(0))
		lines = append(lines, pair{w.add(number[e.name], about), w.add(parent(e), []byte(path.Base(e.name)), uint8(0))})
	}
	return w.leaves(lines)
}

// leaves writes as many leaves as are needed, and above several the node that
// names the last path of each.
func (w *bomWriter) leaves(lines []pair) uint32 {
	var numbers []uint32
	for part := range slices.Chunk(lines, perLeaf) {
		numbers = append(numbers, w.add(node(1, part)))
	}
	for i, n := range numbers { // each knows the one after it and the one before
		if i+1 < len(numbers) {
			binary.BigEndian.PutUint32(w.blocks[n-1][4:], numbers[i+1])
		}
		if i > 0 {
			binary.BigEndian.PutUint32(w.blocks[n-1][8:], numbers[i-1])
		}
	}
	if len(numbers) == 1 {
		return numbers[0]
	}
	var above []pair
	for i, n := range numbers {
		above = append(above, pair{n, lines[min((i+1)*perLeaf, len(lines))-1].file})
	}
	return w.add(node(0, above))
}

// node is one page of a tree: a mark, how many lines, the neighbours, the lines.
func node(mark uint16, lines []pair) []byte {
	b := binary.BigEndian.AppendUint16(nil, mark)
	b = binary.BigEndian.AppendUint16(b, uint16(len(lines)))
	b = append(b, make([]byte, 8)...)
	for _, l := range lines {
		b = binary.BigEndian.AppendUint32(b, l.info)
		b = binary.BigEndian.AppendUint32(b, l.file)
	}
	return append(b, make([]byte, leafSize-len(b))...)
}

// bytes is the file: header, blocks, names, and where each block is.
func (w *bomWriter) bytes() []byte {
	be := binary.BigEndian
	out := make([]byte, bomHeader)
	index := be.AppendUint32(nil, uint32(len(w.blocks)+1))
	index = be.AppendUint64(index, 0) // there is no block 0
	for _, block := range w.blocks {
		index = be.AppendUint32(index, uint32(len(out)))
		index = be.AppendUint32(index, uint32(len(block)))
		out = append(out, block...)
	}
	index = be.AppendUint32(index, 2) // two free places, both empty
	index = append(index, make([]byte, 16)...)
	names := be.AppendUint32(nil, uint32(len(w.names)))
	for i, name := range w.names {
		names = append(be.AppendUint32(names, w.named[i]), uint8(len(name)))
		names = append(names, name...)
	}
	head := be.AppendUint32([]byte("BOMStore"), 1)
	for _, n := range []int{len(w.blocks), len(out) + len(names), len(index), len(out), len(names)} {
		head = be.AppendUint32(head, uint32(n))
	}
	copy(out, head)
	return append(append(out, names...), index...)
}

// cksum is the checksum of cksum(1): a CRC over the bytes and then their number.
func cksum(raw []byte) uint32 {
	const polynomial = 0x04c11db7
	var table [256]uint32
	for i := range table {
		c := uint32(i) << 24
		for range 8 {
			if c>>31 == 1 {
				c = c<<1 ^ polynomial
			} else {
				c <<= 1
			}
		}
		table[i] = c
	}
	var c uint32
	for _, b := range raw {
		c = c<<8 ^ table[byte(c>>24)^b]
	}
	for n := len(raw); n > 0; n >>= 8 {
		c = c<<8 ^ table[byte(c>>24)^byte(n)]
	}
	return ^c
}
