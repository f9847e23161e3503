// Package session has the tests of an endpoint's connection with both ends
// real: agent/link on one side, gateway, queue, store and keys on the other,
// over mutual TLS on a loopback port.
//
// It has no code of its own. What a whole machine does is tested in package
// e2e.
package session
