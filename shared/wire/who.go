package wire

import "github.com/assent-epm/assent/shared/elevation"

// Who asks an endpoint about one of its users. It is answered by [Known] with the
// same number, or never.
type Who struct {
	N    uint64 `cbor:"n"`
	Name string `cbor:"name"`
	UID  string `cbor:"uid"` // where Name is ""
}

// Known answers [Who].
type Known struct {
	N    uint64         `cbor:"n"`
	User elevation.User `cbor:"user"` // no UID: there is no such user
}
