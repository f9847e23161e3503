package queue

import (
	"github.com/assent-epm/assent/controller/auth"
	"github.com/assent-epm/assent/controller/store"
	"github.com/assent-epm/assent/shared/delegation"
	"github.com/assent-epm/assent/shared/elevation"
)

// Who has no account is let in by their endpoint, which vouches for one of its
// users. For what is theirs on that endpoint this is as good as a strong link, and
// it is good for nothing else: it gives no permission, and no emergency access.

// isOwn reports whether a user of an endpoint is the actor.
func isOwn(p delegation.Plan, a auth.Actor, ep elevation.EndpointID, u elevation.User) bool {
	if a.Seat != (auth.Seat{}) {
		return a.Seat.Is(ep, u)
	}
	return p.Strong(a.User, ep, u)
}

// linksOf are the strong links by which a list knows what is the actor's.
func linksOf(s *store.Staff, a auth.Actor) []delegation.Link {
	if at := a.Seat; at != (auth.Seat{}) {
		return []delegation.Link{{User: a.User, Endpoint: at.Endpoint, UID: at.UID, Name: at.Name}}
	}
	return s.LinksOf(a.User)
}

// knows reports whether the actor is a user of an endpoint.
func knows(p delegation.Plan, a auth.Actor, ep elevation.EndpointID) bool {
	if a.Seat != (auth.Seat{}) {
		return a.Seat.Endpoint == ep
	}
	return linkedTo(p, a.User, ep)
}
