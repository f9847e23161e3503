// Package doors holds the end-to-end tests of the ways in and out of the desk:
// alerts and their channels, event streams, sign-in, directories, hooks, and the
// code that lets somebody beside you answer.
//
// They use the bed of package desk, with real servers at the other end: mail,
// web hooks, syslog over TLS, an identity provider. A test is named Test, the row
// of the list of features, words.
package doors
