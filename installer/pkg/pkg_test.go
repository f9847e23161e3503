package pkg

import (
	"bytes"
	"crypto/sha256"
	"debug/macho"
	"encoding/binary"
	"encoding/xml"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/assent-epm/assent/e2e/testgroup"
	"github.com/assent-epm/assent/installer/independent"
)

var update = flag.Bool("update", false, "rewrite golden files")

// thin is the smallest program for macOS that a reader takes.
func thin(cpu macho.Cpu) []byte {
	var b []byte
	for _, w := range []uint32{macho.Magic64, uint32(cpu), 3, uint32(macho.TypeExec), 0, 0, 0, 0} {
		b = binary.LittleEndian.AppendUint32(b, w)
	}
	return append(b, "a program for "+cpu.String()...)
}

func sample(t *testing.T, version string) Package {
	t.Helper()
	p := Package{Version: version, Date: time.Unix(1767225600, 0).UTC(), Programs: map[string][]byte{}, Licences: []byte("licences\n")}
	for _, name := range Names() {
		raw, err := Universal(thin(macho.CpuAmd64), thin(macho.CpuArm64))
		if err != nil {
			t.Fatal(err)
		}
		p.Programs[name] = raw
	}
	return p
}

const archive = "whole.xar"

// unpacked is a package taken apart by bsdtar, which reads xar: none of our code.
func unpacked(t *testing.T) string {
	t.Helper()
	raw, err := sample(t, "1.2.3").Build()
	if err != nil {
		t.Fatal(err)
	}
	testgroup.Need(t, "packages")
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, archive), raw, 0o600); err != nil {
		t.Fatal(err)
	}
	independent.Does(t, dir, "bsdtar", "-xf", archive)
	return dir
}

func TestSameBytes(t *testing.T) {
	sums := map[string]bool{}
	for range 3 {
		raw, err := sample(t, "1.2.3").Build()
		if err != nil {
			t.Fatal(err)
		}
		sums[fmt.Sprintf("%x", sha256.Sum256(raw))] = true
	}
	if len(sums) != 1 {
		t.Error("the package differs from run to run")
	}
}

// TestD2TakenApart: everything that is in the package, as bsdtar reads archive,
// payload and scripts: owners, modes, the distribution with the oldest system.
func TestD2TakenApart(t *testing.T) {
	dir := unpacked(t)
	var b strings.Builder
	b.WriteString("# archive\n" + columns(independent.Says(t, dir, "bsdtar", "-tvf", archive)))
	for _, name := range []string{"Payload", "Scripts"} {
		list := independent.Says(t, dir, "bsdtar", "--numeric-owner", "-tvf", "assent.pkg/"+name)
		fmt.Fprintf(&b, "\n# %s\n%s", name, columns(list))
		for line := range strings.Lines(list) {
			f := strings.Fields(line)
			if f[0][5] == 'w' || f[0][8] == 'w' || strings.ContainsAny(f[0], "sStT") || f[2] != "0" || f[3] != "0" && f[3] != "80" {
				t.Errorf("%s: %s", name, line)
			}
		}
	}
	for _, name := range []string{"Distribution", "assent.pkg/PackageInfo"} {
		raw, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(&b, "\n# %s\n%s", name, raw)
	}
	independent.Golden(t, *update, "pkg", b.String())
}

// columns leaves out what depends on a day.
func columns(list string) string {
	var b strings.Builder
	for line := range strings.Lines(list) {
		f := strings.Fields(line)
		fmt.Fprintln(&b, f[0], f[2], f[3], f[4], strings.Join(f[8:], " "))
	}
	return b.String()
}

// TestD2Whole: 7z finds every checksum of the archive as it says, cpio reads the
// payload, and a program comes out as it went in.
func TestD2Whole(t *testing.T) {
	dir := unpacked(t)
	if out := independent.Says(t, dir, "7z", "t", archive); !strings.Contains(out, "Everything is Ok") {
		t.Errorf("7z: %s", out)
	}
	out := filepath.Join(dir, "out")
	if err := os.Mkdir(out, 0o755); err != nil {
		t.Fatal(err)
	}
	independent.Does(t, out, "bsdtar", "-xf", "../assent.pkg/Payload")
	want := sample(t, "1.2.3").Programs["assent-agent"]
	got, err := os.ReadFile(filepath.Join(out, Programs, "assent-agent"))
	if err != nil || !bytes.Equal(got, want) {
		t.Errorf("the agent does not come back: %v", err)
	}
	plain, err := exec.Command("gzip", "-dc", filepath.Join(dir, "assent.pkg/Payload")).Output()
	if err != nil {
		t.Fatal(err)
	}
	c := exec.Command("cpio", "-t", "--quiet")
	c.Stdin = bytes.NewReader(plain)
	names, err := c.Output()
	if err != nil || !strings.Contains(string(names), "assent-uninstall") {
		t.Errorf("cpio: %v %s", err, names)
	}
}

// bomEntry is what a Bom tells of one path.
type bomEntry struct {
	kind              uint8
	mode, uid, gid    int
	time, length, crc uint32
	number, parent    uint32
	name              string
}

// readBom walks a Bom from its header, by the description of the format and not by
// what writes it: header, names, index of blocks, tree, leaves.
func readBom(t *testing.T, raw []byte) map[string]bomEntry {
	t.Helper()
	be := binary.BigEndian
	if string(raw[:8]) != "BOMStore" || be.Uint32(raw[8:]) != 1 {
		t.Fatal("it is no Bom")
	}
	index, names := be.Uint32(raw[16:]), be.Uint32(raw[24:])
	if int(index+be.Uint32(raw[20:])) != len(raw) || names+be.Uint32(raw[28:]) != index {
		t.Fatal("names and index do not end the file")
	}
	block := func(n uint32) []byte {
		if n == 0 || n >= be.Uint32(raw[index:]) {
			t.Fatalf("there is no block %d", n)
		}
		at, size := be.Uint32(raw[index+4+8*n:]), be.Uint32(raw[index+8+8*n:])
		return raw[at : at+size]
	}
	named := map[string]uint32{}
	for at, n := names+4, be.Uint32(raw[names:]); n > 0; n-- {
		size := uint32(raw[at+4])
		named[string(raw[at+5:at+5+size])] = be.Uint32(raw[at:])
		at += 5 + size
	}
	for _, name := range []string{"BomInfo", "Paths", "HLIndex", "VIndex", "Size64"} {
		if named[name] == 0 {
			t.Errorf("the Bom has no %s", name)
		}
	}
	tree := block(named["Paths"])
	if string(tree[:4]) != "tree" {
		t.Fatal("Paths is no tree")
	}
	leaf := block(be.Uint32(tree[8:]))
	for be.Uint16(leaf) == 0 {
		leaf = block(be.Uint32(leaf[12:]))
	}
	byNumber, all := map[uint32]bomEntry{}, map[string]bomEntry{}
	for {
		for i := range uint32(be.Uint16(leaf[2:])) {
			short, file := block(be.Uint32(leaf[12+8*i:])), block(be.Uint32(leaf[16+8*i:]))
			about := block(be.Uint32(short[4:]))
			byNumber[be.Uint32(short)] = bomEntry{about[0], int(be.Uint16(about[4:])), int(be.Uint32(about[6:])), int(be.Uint32(about[10:])),
				be.Uint32(about[14:]), be.Uint32(about[18:]), be.Uint32(about[23:]), be.Uint32(short), be.Uint32(file), strings.TrimRight(string(file[4:]), "\x00")}
		}
		if be.Uint32(leaf[4:]) == 0 {
			break
		}
		leaf = block(be.Uint32(leaf[4:]))
	}
	if n := be.Uint32(tree[16:]); int(n) != len(byNumber) {
		t.Errorf("the tree says %d paths, its leaves hold %d", n, len(byNumber))
	}
	for _, e := range byNumber {
		path := e.name
		for up := e.parent; up != 0; up = byNumber[up].parent {
			path = byNumber[up].name + "/" + path
		}
		all[path] = e
	}
	return all
}

// TestD2Bom: the list that macOS keeps of what was installed says of each file what
// the payload has, with the checksum that cksum gives.
func TestD2Bom(t *testing.T) {
	p := sample(t, "1.2.3")
	payload, err := p.payload()
	if err != nil {
		t.Fatal(err)
	}
	for i := range 700 { // more than one leaf
		payload = append(payload, entry{fmt.Sprintf("./Library/many/%03d", i), 0o644, 0, fmt.Appendf(nil, "file %d", i)})
	}
	payload = withFolders(payload)
	listed := readBom(t, bom(payload, p.Date))
	if len(listed) != len(payload) {
		t.Errorf("%d paths for %d entries", len(listed), len(payload))
	}
	for _, e := range payload {
		got, ok := listed[e.name]
		kind, crc := uint8(2), uint32(0)
		if !e.isDir() {
			kind, crc = 1, sumOf(t, e.raw)
		}
		if !ok || got.kind != kind || got.mode != int(e.unixMode()) || got.uid != 0 || got.gid != int(e.group) || got.length != uint32(len(e.raw)) || got.crc != crc || got.time != uint32(p.Date.Unix()) {
			t.Errorf("%s: %+v", e.name, got)
		}
	}
}

// sumOf is what cksum(1) says.
func sumOf(t *testing.T, raw []byte) uint32 {
	t.Helper()
	if len(raw) < 100 && !bytes.HasSuffix(raw, []byte("7")) {
		return cksum(raw) // of the many some are enough
	}
	cmd := exec.Command("cksum")
	cmd.Stdin = bytes.NewReader(raw)
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	var sum, size uint32
	if _, err := fmt.Sscan(string(out), &sum, &size); err != nil {
		t.Fatal(err)
	}
	return sum
}

// TestD2Universal: both halves come out of a program, and a wrong one is refused.
func TestD2Universal(t *testing.T) {
	intel, apple := thin(macho.CpuAmd64), thin(macho.CpuArm64)
	both, err := Universal(intel, apple)
	if err != nil {
		t.Fatal(err)
	}
	f, err := macho.NewFatFile(bytes.NewReader(both))
	if err != nil {
		t.Fatal(err)
	}
	for i, half := range [][]byte{intel, apple} {
		a := f.Arches[i]
		if a.Offset%(1<<pageBits) != 0 || a.Align != pageBits || !bytes.Equal(both[a.Offset:a.Offset+a.Size], half) {
			t.Errorf("half %d: %+v", i, a.FatArchHeader)
		}
	}
	for _, wrong := range [][2][]byte{{apple, intel}, {intel, intel}, {[]byte("#!/bin/sh"), apple}} {
		if _, err := Universal(wrong[0], wrong[1]); err == nil {
			t.Error("a wrong half is taken")
		}
	}
	p := sample(t, "1.2.3")
	p.Programs["assent"] = apple
	if _, err := p.Build(); err == nil {
		t.Error("a program of one half is packed")
	}
}

// TestD2Lists: property lists and XML are well formed, and name what is installed.
func TestD2Lists(t *testing.T) {
	entries, err := sample(t, "1.2.3").payload()
	if err != nil {
		t.Fatal(err)
	}
	installed := func(name string) bool {
		return slices.ContainsFunc(entries, func(e entry) bool { return e.name == "."+name })
	}
	lists, err := files.ReadDir("files")
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range lists {
		raw, err := files.ReadFile("files/" + f.Name())
		if err != nil {
			t.Fatal(err)
		}
		if strings.HasSuffix(f.Name(), ".plist") || strings.HasSuffix(f.Name(), ".mobileconfig") {
			wellFormed(t, f.Name(), raw)
		}
		for _, word := range strings.FieldsFunc(string(raw), func(r rune) bool { return strings.ContainsRune(" \t\n\"<>;:(),'", r) }) {
			if strings.HasPrefix(word, Programs+"/") && !installed(word) {
				t.Errorf("%s names %s, which is not installed", f.Name(), word)
			}
		}
	}
}

func wellFormed(t *testing.T, name string, raw []byte) {
	t.Helper()
	for d := xml.NewDecoder(bytes.NewReader(raw)); ; {
		if _, err := d.Token(); errors.Is(err, io.EOF) {
			return
		} else if err != nil {
			t.Errorf("%s: %v", name, err)
			return
		}
	}
}
