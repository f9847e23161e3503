package pkg

import (
	"bytes"
	"compress/zlib"
	"crypto/sha1"
	"encoding/binary"
	"encoding/xml"
	"fmt"
	"time"
)

// member is a file of a xar archive, or a folder with what is inside.
type member struct {
	name   string
	raw    []byte
	inside []member
}

// The table of contents, as XML. SHA-1 is what the format has; it finds damage, and
// nothing is trusted for it.
type (
	xarFile struct {
		ID    int       `xml:"id,attr"`
		Data  *xarData  `xml:"data,omitempty"`
		Mode  string    `xml:"mode"`
		Type  string    `xml:"type"`
		Name  string    `xml:"name"`
		Files []xarFile `xml:"file"`
	}
	xarData struct {
		Length    int      `xml:"length"`
		Offset    int      `xml:"offset"`
		Size      int      `xml:"size"`
		Encoding  xarStyle `xml:"encoding"`
		Archived  xarSum   `xml:"archived-checksum"`
		Extracted xarSum   `xml:"extracted-checksum"`
	}
	xarStyle struct {
		Style string `xml:"style,attr"`
	}
	xarSum struct {
		Style string `xml:"style,attr"`
		Sum   string `xml:",chardata"`
	}
	xarTop struct {
		XMLName xml.Name `xml:"xar"`
		Created string   `xml:"toc>creation-time"`
		Sum     struct {
			Style  string `xml:"style,attr"`
			Offset int    `xml:"offset"`
			Size   int    `xml:"size"`
		} `xml:"toc>checksum"`
		Files []xarFile `xml:"toc>file"`
	}
)

const (
	xarHeader = 28
	sumStyle  = "sha1"
)

// xar is the archive: header, compressed table, the table's checksum, the files.
func xar(members []member, date time.Time) ([]byte, error) {
	w := &xarWriter{heap: make([]byte, sha1.Size)} // the table's checksum stands first
	top := xarTop{Created: date.UTC().Format("2006-01-02T15:04:05"), Files: w.files(members)}
	top.Sum.Style, top.Sum.Size = sumStyle, sha1.Size
	table, err := xml.Marshal(top)
	if err != nil {
		return nil, fmt.Errorf("write the table of the archive: %w", err)
	}
	table = append([]byte(xml.Header), table...)
	var packed bytes.Buffer
	z := zlib.NewWriter(&packed)
	if _, err := z.Write(table); err != nil {
		return nil, err
	}
	if err := z.Close(); err != nil {
		return nil, err
	}
	sum := sha1.Sum(packed.Bytes())
	copy(w.heap, sum[:])
	be := binary.BigEndian
	out := be.AppendUint16([]byte("xar!"), xarHeader)
	out = be.AppendUint16(out, 1)
	out = be.AppendUint64(out, uint64(packed.Len()))
	out = be.AppendUint64(out, uint64(len(table)))
	out = be.AppendUint32(out, 1) // the checksum is SHA-1
	return append(append(out, packed.Bytes()...), w.heap...), nil
}

type xarWriter struct {
	heap   []byte
	number int
}

func (w *xarWriter) files(members []member) []xarFile {
	var all []xarFile
	for _, m := range members {
		w.number++
		f := xarFile{ID: w.number, Name: m.name, Type: "file", Mode: "0644"}
		if m.inside != nil {
			f.Type, f.Mode, f.Files = "directory", "0755", w.files(m.inside)
			all = append(all, f)
			continue
		}
		sum := xarSum{sumStyle, fmt.Sprintf("%x", sha1.Sum(m.raw))}
		f.Data = &xarData{Length: len(m.raw), Offset: len(w.heap), Size: len(m.raw), Encoding: xarStyle{"application/octet-stream"}, Archived: sum, Extracted: sum}
		w.heap = append(w.heap, m.raw...)
		all = append(all, f)
	}
	return all
}
