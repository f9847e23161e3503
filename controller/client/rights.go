package client

import (
	"context"
	"net/url"
	"time"
)

// StandingRight is one way in which somebody can become root on an endpoint without
// Assent.
type StandingRight struct {
	ID         string             `json:"id" example:"5f2a77019aa8d222" doc:"On this endpoint; the same for as long as it says the same."`
	Endpoint   string             `json:"endpoint" example:"ep_019aa8d2-2222-7c41-9d10-3b1f0c5f2a77"`
	Name       string             `json:"name" example:"ubu-0810" doc:"Of the endpoint."`
	Kind       string             `json:"kind" enum:"sudoers,group,root_group,uid0,polkit"`
	User       string             `json:"user" example:"alice" doc:"The account; empty: everybody in the group. ALL: everybody."`
	Group      string             `json:"group" example:"sudo" doc:"Through which; empty: directly."`
	Source     string             `json:"source" example:"/etc/group:27" doc:"File and line."`
	Text       string             `json:"text" example:"%sudo ALL=(ALL:ALL) ALL"`
	NoPassword bool               `json:"no_password" doc:"Without a password."`
	All        bool               `json:"all" doc:"Any command."`
	Fixed      string             `json:"fixed" doc:"Why it is never taken over; empty: it can be."`
	Taken      bool               `json:"taken" doc:"Assent has removed it and can give it back."`
	Since      time.Time          `json:"since" doc:"When it was told first."`
	SeenAt     time.Time          `json:"seen_at" doc:"When the endpoint told its rights last."`
	Order      *StandingLastOrder `json:"order" doc:"The newest order about it; null: none."`
}

// StandingLastOrder is the newest order about a right.
type StandingLastOrder struct {
	ID     string     `json:"id" example:"ro_019aa8d2-5555-7c41-9d10-3b1f0c5f2a77"`
	Action string     `json:"action" enum:"take_over,give_back"`
	By     string     `json:"by" example:"admin"`
	At     time.Time  `json:"at"`
	DoneAt *time.Time `json:"done_at" doc:"Null: the endpoint has not answered yet."`
	Done   bool       `json:"done"`
	Why    string     `json:"why" example:"it is the last administrator" doc:"Why it was left as it is, or what there is to know."`
}

// OrderRights takes standing rights over or gives them back.
type OrderRights struct {
	Rights  []string `json:"rights,omitempty" nullable:"false" maxItems:"1000" example:"[\"5f2a77019aa8d222\"]" doc:"Ids; none: all that can be."`
	Comment string   `json:"comment" minLength:"1" maxLength:"2000" example:"administrators ask from now on" doc:"Why; it is in the audit log."`
}

// OrderRightsByLabel does it on every endpoint with these labels.
type OrderRightsByLabel struct {
	Labels  map[string]string `json:"labels" example:"{\"ring\":\"1\"}" doc:"Empty: every endpoint of your scope."`
	Rights  []string          `json:"rights,omitempty" nullable:"false" maxItems:"1000" example:"[\"5f2a77019aa8d222\"]" doc:"Ids; none: all that can be."`
	Comment string            `json:"comment" minLength:"1" maxLength:"2000" example:"ring 1 asks from now on" doc:"Why; it is in the audit log."`
}

// RightsOrder is an order that waits for its endpoint.
type RightsOrder struct {
	ID       string    `json:"id" example:"ro_019aa8d2-5555-7c41-9d10-3b1f0c5f2a77"`
	Endpoint string    `json:"endpoint" example:"ep_019aa8d2-2222-7c41-9d10-3b1f0c5f2a77"`
	Action   string    `json:"action" enum:"take_over,give_back"`
	Rights   []string  `json:"rights" nullable:"false" example:"[\"5f2a77019aa8d222\"]"`
	By       string    `json:"by" example:"admin"`
	Comment  string    `json:"comment" example:"administrators ask from now on"`
	At       time.Time `json:"at"`
}

// EndpointResults is what came of each endpoint.
type EndpointResults struct {
	Results []EndpointResult `json:"results" nullable:"false"`
}

// EndpointResult says what came of one endpoint.
type EndpointResult struct {
	ID    string   `json:"id" example:"ep_019aa8d2-2222-7c41-9d10-3b1f0c5f2a77"`
	OK    bool     `json:"ok"`
	Error *Problem `json:"error,omitempty"`
}

// TakeOver removes standing rights of an endpoint; without ids all that can be.
func (c *Client) TakeOver(ctx context.Context, id string, in OrderRights) (RightsOrder, error) {
	return Post[RightsOrder](ctx, c, "/endpoints/"+url.PathEscape(id)+"/take-over", in)
}

// GiveBack puts rights back that were taken over.
func (c *Client) GiveBack(ctx context.Context, id string, in OrderRights) (RightsOrder, error) {
	return Post[RightsOrder](ctx, c, "/endpoints/"+url.PathEscape(id)+"/give-back", in)
}
