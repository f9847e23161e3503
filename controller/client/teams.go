package client

import "time"

// TeamScope says for what a team answers; what is empty is everything.
type TeamScope struct {
	Labels      map[string]string `json:"labels,omitempty" doc:"Labels that the endpoint must have, all of them."`
	AccessTypes []string          `json:"access_types,omitempty" nullable:"false" maxItems:"8" enum:"run,session,admin" doc:"Any of them."`
}

// TeamStep is one step of a ladder: after that time of the team's hours the other
// team may answer too.
type TeamStep struct {
	AfterSeconds int64  `json:"after_seconds" minimum:"1" maximum:"2592000" example:"900"`
	Team         string `json:"team" maxLength:"200" example:"Managers" doc:"Name or id."`
}

// NewTeam asks for a team.
type NewTeam struct {
	Name     string     `json:"name" minLength:"1" maxLength:"200" example:"Platform"`
	Members  []string   `json:"members,omitempty" nullable:"false" maxItems:"1000" example:"[\"bo\"]" doc:"Logins or ids."`
	Scope    *TeamScope `json:"scope,omitempty"`
	Hours    string     `json:"hours,omitempty" maxLength:"564" example:"Mon-Fri 08:00-18:00" doc:"When its members answer; none means always. A time zone may be the last word."`
	TZ       string     `json:"tz,omitempty" maxLength:"64" example:"Europe/Berlin" doc:"Default is the setting time_zone."`
	Escalate []TeamStep `json:"escalate,omitempty" nullable:"false" maxItems:"10"`
}

// EditTeam changes a team; what is left out stays.
type EditTeam struct {
	Name     *string     `json:"name,omitempty" minLength:"1" maxLength:"200" example:"Platform"`
	Members  *[]string   `json:"members,omitempty" nullable:"false" maxItems:"1000" example:"[\"bo\"]" doc:"All members anew."`
	Scope    *TeamScope  `json:"scope,omitempty" doc:"The whole scope anew."`
	Hours    *string     `json:"hours,omitempty" maxLength:"564" example:"Mon-Fri 08:00-18:00"`
	TZ       *string     `json:"tz,omitempty" maxLength:"64" example:"Europe/Berlin"`
	Escalate *[]TeamStep `json:"escalate,omitempty" nullable:"false" maxItems:"10" doc:"The whole ladder anew."`
}

// Team is a team as the caller may see it.
type Team struct {
	ID        string        `json:"id" example:"team_019aa8d2-1111-7c41-9d10-3b1f0c5f2a77"`
	Name      string        `json:"name" example:"Platform"`
	Members   []string      `json:"members" nullable:"false" example:"[\"bo\"]"`
	Automatic bool          `json:"automatic" doc:"Every administrator and every approver is in it."`
	Scope     TeamScopeSeen `json:"scope"`
	Hours     string        `json:"hours" example:"Mon-Fri 08:00-18:00"`
	TZ        string        `json:"tz" example:"Europe/Berlin"`
	Escalate  []TeamStep    `json:"escalate" nullable:"false"`
}

// TeamScopeSeen is the scope of a team with nothing left out.
type TeamScopeSeen struct {
	Labels      map[string]string `json:"labels"`
	AccessTypes []string          `json:"access_types" nullable:"false" example:"[\"run\"]"`
}

// TeamPreview says what would come of a request that is asked of a team now and
// that nobody answers.
type TeamPreview struct {
	Team  string     `json:"team" example:"Platform"`
	At    time.Time  `json:"at"`
	Steps []TeamTurn `json:"steps" nullable:"false" doc:"The team itself, then its ladder."`
}

// TeamTurn is one team that may answer from a time on.
type TeamTurn struct {
	Team         string       `json:"team" example:"Managers"`
	TeamID       string       `json:"team_id" example:"team_019aa8d2-1111-7c41-9d10-3b1f0c5f2a77"`
	AfterSeconds int64        `json:"after_seconds" example:"900" doc:"Of the hours of the team that was asked first."`
	At           *time.Time   `json:"at" doc:"Null: later than 90 days."`
	AnswersFrom  *time.Time   `json:"answers_from" doc:"When somebody of it can answer first. Null: nobody ever can."`
	Count        int          `json:"count" example:"3" doc:"People who can answer then."`
	People       []TeamSeated `json:"people" nullable:"false" doc:"Those of them that the caller may know of."`
}

// TeamSeated is somebody who can answer.
type TeamSeated struct {
	Login       string  `json:"login" example:"ada"`
	StandsInFor *string `json:"stands_in_for" example:"bo" doc:"Null: they answer for themself."`
}

// NewLink ties an account to a user of an endpoint, or of every endpoint of a
// directory.
type NewLink struct {
	Account   string  `json:"account" minLength:"1" maxLength:"128" example:"bo" doc:"Login or id."`
	Endpoint  *string `json:"endpoint,omitempty" maxLength:"200" example:"web-1" doc:"Id or name."`
	Directory *string `json:"directory,omitempty" maxLength:"256" example:"corp.example" doc:"In place of an endpoint: every endpoint, and the domain that the user's name may carry."`
	User      *string `json:"user,omitempty" maxLength:"256" example:"bchen"`
	UID       *string `json:"uid,omitempty" maxLength:"256" example:"1001"`
}

// EditLink changes a link; what is left out stays.
type EditLink struct {
	Account   *string `json:"account,omitempty" minLength:"1" maxLength:"128" example:"bo"`
	Endpoint  *string `json:"endpoint,omitempty" maxLength:"200" example:"web-1"`
	Directory *string `json:"directory,omitempty" maxLength:"256" example:"corp.example"`
	User      *string `json:"user,omitempty" maxLength:"256" example:"bchen" doc:"Takes the uid with it unless that is given too."`
	UID       *string `json:"uid,omitempty" maxLength:"256" example:"1001"`
}

// Link is a strong link.
type Link struct {
	ID         string    `json:"id" example:"link_019aa8d2-1111-7c41-9d10-3b1f0c5f2a77"`
	Account    string    `json:"account" example:"bo"`
	AccountID  string    `json:"account_id" example:"usr_019aa8d2-1111-7c41-9d10-3b1f0c5f2a77"`
	Endpoint   *string   `json:"endpoint" example:"web-1"`
	EndpointID *string   `json:"endpoint_id" example:"ep_019aa8d2-2222-7c41-9d10-3b1f0c5f2a77"`
	Directory  *string   `json:"directory" example:"corp.example"`
	User       *string   `json:"user" example:"bchen"`
	UID        *string   `json:"uid" example:"1001"`
	MadeBy     string    `json:"made_by" example:"admin"`
	MadeAt     time.Time `json:"made_at"`
}

// NewDelegation lets somebody answer in the place of somebody who is away.
type NewDelegation struct {
	User     string     `json:"user,omitempty" maxLength:"128" example:"bo" doc:"Who is away; default is the caller."`
	Delegate string     `json:"delegate" minLength:"1" maxLength:"128" example:"ada" doc:"Who answers meanwhile, as themself."`
	From     *time.Time `json:"from,omitempty" doc:"Default is now."`
	Until    time.Time  `json:"until"`
}

// EditDelegation changes a delegation; what is left out stays.
type EditDelegation struct {
	Delegate *string    `json:"delegate,omitempty" minLength:"1" maxLength:"128" example:"ada"`
	From     *time.Time `json:"from,omitempty"`
	Until    *time.Time `json:"until,omitempty"`
}

// Delegation says who answers in whose place, and when.
type Delegation struct {
	ID       string    `json:"id" example:"dlg_019aa8d2-1111-7c41-9d10-3b1f0c5f2a77"`
	User     string    `json:"user" example:"bo"`
	Delegate string    `json:"delegate" example:"ada"`
	From     time.Time `json:"from"`
	Until    time.Time `json:"until"`
	MadeBy   string    `json:"made_by" example:"bo"`
}

// EditEndpoint changes an endpoint; what is left out stays.
type EditEndpoint struct {
	Labels *map[string]string `json:"labels,omitempty" doc:"All labels that administrators give, anew."`
}

// NewPassword is a password that the owner of an account chooses.
type NewPassword struct {
	Current  string `json:"current,omitempty" maxLength:"256" example:"correct horse battery" doc:"The present one, where there is one."`
	Password string `json:"password" minLength:"1" maxLength:"256" example:"staple of the horse"`
}
