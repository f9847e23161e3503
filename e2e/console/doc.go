// Package console holds the end-to-end tests of the screens: a real browser, a
// real controller behind it, simulated endpoints over the real protocol.
//
// Each part of the console has a file here that opens and uses its pages as a
// person would and asks REST whether what they did is so. Begin with open in
// bed_test.go; the browser is package browser, everybody else package desk.
package console
