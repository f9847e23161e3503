package tray

import (
	"bytes"
	"encoding/binary"
	"image"
	"image/color"
	"image/draw"
	"image/png"
	"math"
	"os"
	"path/filepath"
	"testing"
)

func looks() []Look {
	var all []Look
	for _, m := range Moods() {
		all = append(all, Look{Mood: m})
	}
	return append(all, Look{Active, true})
}

func luminance(c color.Color) float64 {
	linear := func(v uint32) float64 {
		x := float64(v) / 0xffff
		if x <= 0.04045 {
			return x / 12.92
		}
		return math.Pow((x+0.055)/1.055, 2.4)
	}
	r, g, b, _ := c.RGBA()
	return 0.2126*linear(r) + 0.7152*linear(g) + 0.0722*linear(b)
}

// TestIconsAreLegible: on a light panel and on a dark one the shield stands out,
// the sign stands out of the shield, and no two looks are alike without colours.
func TestIconsAreLegible(t *testing.T) {
	against := func(a, b color.Color) float64 {
		x, y := luminance(a), luminance(b)
		return (max(x, y) + 0.05) / (min(x, y) + 0.05)
	}
	panels := []color.NRGBA{{255, 255, 255, 255}, {0xf0, 0xf0, 0xf0, 255}, {0x1e, 0x1e, 0x1e, 255}, {0x2e, 0x34, 0x40, 255}}
	for _, l := range looks() {
		for _, panel := range panels {
			if c := against(ground(l.Mood), panel); c < 2.8 {
				t.Errorf("%s on %v: contrast %.1f", l.Mood, panel, c)
			}
		}
	}
	for _, size := range []int{16, 22, 32} {
		for i, a := range looks() {
			for _, b := range looks()[:i] {
				if d := differ(Image(a, size), Image(b, size)); d < 0.05 {
					t.Errorf("at %d px %+v looks like %+v: %.3f", size, a, b, d)
				}
			}
		}
	}
}

// differ is how much of the pixels is of another lightness or another coverage.
func differ(a, b *image.NRGBA) float64 {
	n := 0
	for i := 0; i < len(a.Pix); i += 4 {
		x, y := a.Pix[i:i+4], b.Pix[i:i+4]
		white := func(p []uint8) bool { return p[3] > 128 && min(p[0], p[1], p[2]) > 200 }
		if white(x) != white(y) || (x[3] > 128) != (y[3] > 128) {
			n++
		}
	}
	return float64(n) / float64(len(a.Pix)/4)
}

// TestICO: all sizes are there, where the head says they are.
func TestICO(t *testing.T) {
	raw, err := ICO(Look{Mood: Waiting})
	if err != nil {
		t.Fatal(err)
	}
	if n := binary.LittleEndian.Uint16(raw[4:]); int(n) != len(Sizes()) {
		t.Fatalf("%d pictures", n)
	}
	end := 6 + 16*len(Sizes())
	for i, size := range Sizes() {
		e := raw[6+16*i:]
		length, at := int(binary.LittleEndian.Uint32(e[8:])), int(binary.LittleEndian.Uint32(e[12:]))
		im, err := png.Decode(bytes.NewReader(raw[at : at+length]))
		if err != nil || im.Bounds().Dx() != size || int(e[0]) != size || at != end {
			t.Errorf("picture %d: %v, at %d", i, err, at)
		}
		end = at + length
	}
	if end != len(raw) {
		t.Errorf("%d bytes left", len(raw)-end)
	}
}

// TestIconsToLookAt draws all of them on both panels.
func TestIconsToLookAt(t *testing.T) {
	dir := os.Getenv("ASSENT_PICTURES")
	if dir == "" {
		t.Skip("ASSENT_PICTURES names no folder")
	}
	const zoom, cell = 4, 34 * 4
	sizes := []int{16, 22, 24, 32}
	sheet := image.NewNRGBA(image.Rect(0, 0, cell*len(looks()), cell*len(sizes)*2))
	for p, panel := range []color.NRGBA{{0xf4, 0xf4, 0xf5, 255}, {0x20, 0x22, 0x26, 255}} {
		for s, size := range sizes {
			y0 := (p*len(sizes) + s) * cell
			draw.Draw(sheet, image.Rect(0, y0, sheet.Rect.Dx(), y0+cell), image.NewUniform(panel), image.Point{}, draw.Src)
			for i, l := range looks() {
				im := Image(l, size)
				big := image.NewNRGBA(image.Rect(0, 0, size*zoom, size*zoom))
				for y := range size * zoom {
					for x := range size * zoom {
						big.Set(x, y, im.At(x/zoom, y/zoom))
					}
				}
				at := image.Pt(i*cell+(cell-size*zoom)/2, y0+(cell-size*zoom)/2)
				draw.Draw(sheet, image.Rectangle{at, at.Add(image.Pt(size*zoom, size*zoom))}, big, image.Point{}, draw.Over)
			}
		}
	}
	f, err := os.Create(filepath.Join(dir, "icons.png"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if err := png.Encode(f, sheet); err != nil {
		t.Fatal(err)
	}
}
