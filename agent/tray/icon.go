package tray

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"image"
	"image/color"
	"image/png"
	"math"
)

// The icon is a shield with one sign in it. It is drawn from distances, so that
// each size is sharp, in colours that stand out from a light panel and from a
// dark one; no two moods differ by colour alone.

// grid is the side of the square that shapes are drawn in.
const grid = 32.0

// shape is how far a point is from an outline, less than 0 inside.
type shape func(x, y float64) float64

type point struct{ x, y float64 }

// Sizes are the sides in pixels that an ICO has.
func Sizes() []int { return []int{16, 20, 24, 32, 48} }

// Image draws a look.
func Image(l Look, size int) *image.NRGBA {
	im := image.NewNRGBA(image.Rect(0, 0, size, size))
	white := color.NRGBA{255, 255, 255, 255}
	paint(im, polygon(shield(0)), ground(l.Mood))
	if l.Mood == Gone { // only its outline is left
		erase(im, polygon(shield(3.4)))
		white = ground(l.Mood)
	}
	for _, s := range sign(l.Mood) {
		paint(im, s, white)
	}
	if l.Mood == Offline {
		erase(im, capsule(4.5, 28.5, 28.5, 4.5, 3.2))
		paint(im, capsule(4.5, 28.5, 28.5, 4.5, 1.5), ground(l.Mood))
	}
	if l.Attention {
		erase(im, disc(25.5, 25.5, 7.6))
		paint(im, disc(25.5, 25.5, 5.7), color.NRGBA{0xf0, 0x8c, 0x00, 255})
	}
	return im
}

// ground is the colour of a mood.
func ground(m Mood) color.NRGBA {
	switch m {
	case Waiting, Question:
		return color.NRGBA{0xcc, 0x6f, 0x04, 255}
	case Ready, Active:
		return color.NRGBA{0x2b, 0x97, 0x5a, 255}
	case Locked:
		return color.NRGBA{0xe0, 0x46, 0x4e, 255}
	case Paused, Offline, Gone:
		return color.NRGBA{0x82, 0x8a, 0x96, 255}
	case Idle:
	}
	return color.NRGBA{0x4f, 0x70, 0xf0, 255}
}

// sign is what stands in the shield.
func sign(m Mood) []shape {
	switch m {
	case Waiting:
		return []shape{disc(9.6, 15.5, 2.3), disc(16, 15.5, 2.3), disc(22.4, 15.5, 2.3)}
	case Question:
		return []shape{stroke(1.75, arc(16, 12.2, 4.4, -175, 60), []point{{18.2, 16}, {16, 17.6}, {16, 19.3}}), disc(16, 23.7, 2.1)}
	case Ready:
		return []shape{polygon([]point{{12, 9}, {22.6, 15.7}, {12, 22.4}})}
	case Active:
		return []shape{stroke(1.75, []point{{16, 23.4}, {16, 9.4}}, []point{{10.2, 15}, {16, 9.2}, {21.8, 15}})}
	case Locked:
		return []shape{box(16, 18.4, 5.9, 4.6, 1.2), stroke(1.5, arc(16, 12.6, 3.6, -180, 0), []point{{12.4, 12.6}, {12.4, 15}}, []point{{19.6, 12.6}, {19.6, 15}})}
	case Paused:
		return []shape{box(12.3, 15.5, 1.9, 6, 0.8), box(19.7, 15.5, 1.9, 6, 0.8)}
	case Gone:
		return []shape{stroke(1.8, []point{{16, 9.6}, {16, 16.6}}), disc(16, 21.9, 2.2)}
	case Offline:
		return nil
	case Idle:
	}
	return []shape{stroke(1.8, []point{{10, 16}, {14.4, 20.3}, {22.2, 11.4}})}
}

// shield is its outline, in from the edge by so much.
func shield(in float64) []point {
	at := func(x, y float64) point { // towards the middle
		k := 1 - in/14
		return point{16 + (x-16)*k, 15.4 + (y-15.4)*k}
	}
	points := []point{at(16, 0.8), at(28.6, 5.4), at(28.6, 15)}
	for _, c := range [][4]point{{{28.6, 15}, {28.6, 23.4}, {23.4, 28.8}, {16, 31.4}}, {{16, 31.4}, {8.6, 28.8}, {3.4, 23.4}, {3.4, 15}}} {
		for i := 1; i <= 10; i++ {
			p := bezier(c, float64(i)/10)
			points = append(points, at(p.x, p.y))
		}
	}
	return append(points, at(3.4, 5.4))
}

func bezier(c [4]point, t float64) point {
	u := 1 - t
	a, b, d, e := u*u*u, 3*u*u*t, 3*u*t*t, t*t*t
	return point{a*c[0].x + b*c[1].x + d*c[2].x + e*c[3].x, a*c[0].y + b*c[1].y + d*c[2].y + e*c[3].y}
}

func arc(x, y, r, from, to float64) []point {
	var points []point
	for i := range 13 {
		a := (from + (to-from)*float64(i)/12) * math.Pi / 180
		points = append(points, point{x + r*math.Cos(a), y + r*math.Sin(a)})
	}
	return points
}

func disc(x, y, r float64) shape {
	return func(px, py float64) float64 { return math.Hypot(px-x, py-y) - r }
}

func box(x, y, w, h, r float64) shape {
	return func(px, py float64) float64 {
		dx, dy := math.Abs(px-x)-w+r, math.Abs(py-y)-h+r
		return math.Hypot(max(dx, 0), max(dy, 0)) + min(max(dx, dy), 0) - r
	}
}

func capsule(ax, ay, bx, by, r float64) shape {
	return func(px, py float64) float64 { return apart(point{px, py}, point{ax, ay}, point{bx, by}) - r }
}

// stroke is lines of one width.
func stroke(r float64, lines ...[]point) shape {
	return func(px, py float64) float64 {
		nearest := math.Inf(1)
		for _, line := range lines {
			for i := 1; i < len(line); i++ {
				nearest = min(nearest, apart(point{px, py}, line[i-1], line[i]))
			}
		}
		return nearest - r
	}
}

// apart is how far a point is from a line between two.
func apart(p, a, b point) float64 {
	abx, aby, apx, apy := b.x-a.x, b.y-a.y, p.x-a.x, p.y-a.y
	t := 0.0
	if length := abx*abx + aby*aby; length > 0 {
		t = min(1, max(0, (apx*abx+apy*aby)/length))
	}
	return math.Hypot(apx-abx*t, apy-aby*t)
}

func polygon(points []point) shape {
	return func(px, py float64) float64 {
		nearest, inside := math.Inf(1), false
		for i, a := range points {
			b := points[(i+1)%len(points)]
			nearest = min(nearest, apart(point{px, py}, a, b))
			if (a.y > py) != (b.y > py) && px < (b.x-a.x)*(py-a.y)/(b.y-a.y)+a.x {
				inside = !inside
			}
		}
		if inside {
			return -nearest
		}
		return nearest
	}
}

// covered calls each for the pixels that a shape covers, with how much of each.
func covered(im *image.NRGBA, s shape, each func(x, y int, part float64)) {
	size := im.Rect.Dx()
	unit := grid / float64(size)
	for y := range size {
		for x := range size {
			part := min(1, max(0, 0.5-s((float64(x)+0.5)*unit, (float64(y)+0.5)*unit)/unit))
			if part > 0 {
				each(x, y, part)
			}
		}
	}
}

func paint(im *image.NRGBA, s shape, c color.NRGBA) {
	covered(im, s, func(x, y int, part float64) {
		was := im.NRGBAAt(x, y)
		below := float64(was.A) / 255 * (1 - part)
		alpha := part + below
		mix := func(over, under uint8) uint8 {
			return uint8(math.Round((float64(over)*part + float64(under)*below) / alpha))
		}
		im.SetNRGBA(x, y, color.NRGBA{mix(c.R, was.R), mix(c.G, was.G), mix(c.B, was.B), uint8(math.Round(alpha * 255))})
	})
}

func erase(im *image.NRGBA, s shape) {
	covered(im, s, func(x, y int, part float64) {
		was := im.NRGBAAt(x, y)
		was.A = uint8(math.Round(float64(was.A) * (1 - part)))
		im.SetNRGBA(x, y, was)
	})
}

// PNG is a look as a picture.
func PNG(l Look, size int) ([]byte, error) {
	var b bytes.Buffer
	if err := png.Encode(&b, Image(l, size)); err != nil {
		return nil, fmt.Errorf("draw the icon: %w", err)
	}
	return b.Bytes(), nil
}

// ICO is a look in all sizes that Windows asks for.
func ICO(l Look) ([]byte, error) {
	var pictures [][]byte
	for _, size := range Sizes() {
		p, err := PNG(l, size)
		if err != nil {
			return nil, err
		}
		pictures = append(pictures, p)
	}
	put := binary.LittleEndian.AppendUint16
	out := put(put(put(nil, 0), 1), uint16(len(pictures)))
	at := len(out) + 16*len(pictures)
	for i, p := range pictures {
		side := byte(Sizes()[i])
		out = append(out, side, side, 0, 0)
		out = put(put(out, 1), 32)
		out = binary.LittleEndian.AppendUint32(binary.LittleEndian.AppendUint32(out, uint32(len(p))), uint32(at))
		at += len(p)
	}
	for _, p := range pictures {
		out = append(out, p...)
	}
	return out, nil
}
