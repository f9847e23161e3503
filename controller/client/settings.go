package client

// Emergency says who may take access at once, to be looked at afterwards.
type Emergency struct {
	Enabled    bool     `json:"enabled"`
	Roles      []string `json:"roles" nullable:"false" enum:"administrator,security_admin,rule_author,approver,auditor,requester"`
	DailyQuota int64    `json:"daily_quota" example:"3" doc:"Per person and day."`
}

// TicketValidator is asked whether a ticket is good; without url none is asked.
type TicketValidator struct {
	URL            string `json:"url" example:"https://tickets.example.org/check"`
	TimeoutSeconds int64  `json:"timeout_seconds" example:"5"`
}

// Retention says when clear text goes before its history does; 0 = with it.
type Retention struct {
	ArgumentsDays int64 `json:"arguments_days" example:"90"`
	ReasonsDays   int64 `json:"reasons_days" example:"0"`
}

// Nudge bounds how often a requester may remind.
type Nudge struct {
	EverySeconds int64 `json:"every_seconds" example:"900"`
	Most         int64 `json:"most" example:"4" doc:"Per request."`
}

// EmergencyPatch changes the values that are there.
type EmergencyPatch struct {
	Enabled    *bool     `json:"enabled,omitempty"`
	Roles      *[]string `json:"roles,omitempty" nullable:"false" maxItems:"6" enum:"administrator,security_admin,rule_author,approver,auditor,requester"`
	DailyQuota *int64    `json:"daily_quota,omitempty" minimum:"0" maximum:"1000" example:"3"`
}

// TicketValidatorPatch changes the values that are there.
type TicketValidatorPatch struct {
	URL            *string `json:"url,omitempty" maxLength:"2000" example:"https://tickets.example.org/check" doc:"Empty turns it off."`
	TimeoutSeconds *int64  `json:"timeout_seconds,omitempty" minimum:"1" maximum:"30" example:"5"`
}

// RetentionPatch changes the values that are there.
type RetentionPatch struct {
	ArgumentsDays *int64 `json:"arguments_days,omitempty" minimum:"0" maximum:"36500" example:"90"`
	ReasonsDays   *int64 `json:"reasons_days,omitempty" minimum:"0" maximum:"36500" example:"0"`
}

// NudgePatch changes the values that are there.
type NudgePatch struct {
	EverySeconds *int64 `json:"every_seconds,omitempty" minimum:"0" maximum:"31622400" example:"900"`
	Most         *int64 `json:"most,omitempty" minimum:"0" maximum:"1000" example:"4"`
}
