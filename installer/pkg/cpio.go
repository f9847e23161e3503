package pkg

import (
	"bytes"
	"fmt"
	"time"
)

// cpio is an archive in the portable format of POSIX: numbers in octal digits.
func cpio(entries []entry, date time.Time) []byte {
	var b bytes.Buffer
	put := func(number int, name string, mode, group uint32, links int, at int64, raw []byte) {
		fmt.Fprintf(&b, "070707%06o%06o%06o%06o%06o%06o%06o%011o%06o%011o%s\x00", 0, number, mode, 0, group, links, 0, at, len(name)+1, len(raw), name)
		b.Write(raw)
	}
	for i, e := range entries {
		links := 1
		if e.isDir() {
			links = 2
		}
		put(i+1, e.name, e.unixMode(), e.group, links, date.Unix(), e.raw)
	}
	put(0, "TRAILER!!!", 0, 0, 1, 0, nil)
	return b.Bytes()
}
