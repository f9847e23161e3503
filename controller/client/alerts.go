package client

import (
	"context"
	"net/http"
	"net/url"
	"time"
)

// ChannelConfig is how a channel reaches its other side. Which fields count, the
// kind says. Secrets are written and never answered.
type ChannelConfig struct {
	URL        *string            `json:"url,omitempty" maxLength:"2000" example:"https://example.org/hook" doc:"webhook: where to. sms: the provider, when it is another one."`
	Template   *string            `json:"template,omitempty" maxLength:"64" example:"slack" doc:"webhook: slack, teams, jira, servicenow or pagerduty; none sends {type, timestamp, data}."`
	Body       *string            `json:"body,omitempty" maxLength:"16384" doc:"webhook: a template of one's own."`
	Headers    *map[string]string `json:"headers,omitempty" doc:"webhook: added to each call. Values are never answered; an empty value keeps the one that is set."`
	Secret     *string            `json:"secret,omitempty" maxLength:"200" doc:"webhook: whsec_ and base64; made and answered once when none is given."`
	Options    *map[string]string `json:"options,omitempty" doc:"webhook: what a template needs, like the project of jira."`
	RoutingKey *string            `json:"routing_key,omitempty" maxLength:"200" doc:"webhook, pagerduty; never answered"`
	Host       *string            `json:"host,omitempty" maxLength:"253" example:"mail.example.org" doc:"email"`
	Port       *int64             `json:"port,omitempty" minimum:"1" maximum:"65535" example:"587" doc:"email"`
	TLS        any                `json:"tls,omitempty" doc:"email: starttls, implicit or none. syslog: true or false."`
	Username   *string            `json:"username,omitempty" maxLength:"256" example:"assent" doc:"email"`
	Password   *string            `json:"password,omitempty" maxLength:"1000" doc:"email; never answered"`
	From       *string            `json:"from,omitempty" maxLength:"320" example:"assent@example.org" doc:"email, sms: the sender."`
	Account    *string            `json:"account,omitempty" maxLength:"64" doc:"sms"`
	AuthToken  *string            `json:"auth_token,omitempty" maxLength:"1000" doc:"sms; never answered"`
	Address    *string            `json:"address,omitempty" maxLength:"260" example:"logs.example.org:6514" doc:"syslog: host:port"`
	CAPEM      *string            `json:"ca_pem,omitempty" maxLength:"32768" doc:"email, syslog: whose certificates are believed, in place of the system's."`
	Format     *string            `json:"format,omitempty" enum:"rfc5424,cef,ocsf" doc:"syslog"`
	Stream     *bool              `json:"stream,omitempty" doc:"syslog: the whole audit log from a saved cursor."`
	Facility   *int64             `json:"facility,omitempty" minimum:"0" maximum:"23" doc:"syslog"`
}

// NewChannel asks for a channel.
type NewChannel struct {
	Name    string        `json:"name" minLength:"1" maxLength:"200" example:"Operations"`
	Kind    string        `json:"kind" enum:"webhook,email,sms,syslog" example:"webhook"`
	Config  ChannelConfig `json:"config"`
	Enabled *bool         `json:"enabled,omitempty" example:"true"`
}

// EditChannel changes a channel; what is left out stays.
type EditChannel struct {
	Name    *string        `json:"name,omitempty" minLength:"1" maxLength:"200" example:"Operations"`
	Kind    *string        `json:"kind,omitempty" enum:"webhook,email,sms,syslog" example:"webhook" doc:"As it is: the kind stays."`
	Config  *ChannelConfig `json:"config,omitempty" doc:"All of it anew, except secrets that stay when the channel leads to the same place."`
	Enabled *bool          `json:"enabled,omitempty" example:"true"`
}

// Channel is a way to tell people or systems.
type Channel struct {
	ID          string        `json:"id" example:"chan_019aa8d2-1111-7c41-9d10-3b1f0c5f2a77"`
	Name        string        `json:"name" example:"Operations"`
	Kind        string        `json:"kind" example:"webhook"`
	Config      ChannelConfig `json:"config" doc:"Without secrets."`
	SecretSet   bool          `json:"secret_set"`
	Secret      string        `json:"secret,omitempty" doc:"Only in the answer to the call that made it."`
	Enabled     bool          `json:"enabled"`
	DisabledWhy string        `json:"disabled_why" example:""`
	MadeAt      time.Time     `json:"made_at"`

	Stream *ChannelStream `json:"stream" doc:"How far a log server has followed the audit log; null for other channels."`
}

// ChannelStream is how far a log server has followed the audit log.
type ChannelStream struct {
	Seq    uint64 `json:"seq" example:"4711" doc:"It has every event up to there."`
	Behind uint64 `json:"behind" example:"3" doc:"Events that it is not known to have; the newest count for a while."`
	Error  string `json:"error" example:"" doc:"Why it does not follow now."`
}

// ChannelTest is what came of trying a channel.
type ChannelTest struct {
	OK     bool   `json:"ok"`
	Status int64  `json:"status,omitempty" example:"204"`
	Error  string `json:"error,omitempty" example:""`
	TookMS int64  `json:"took_ms" example:"35"`
}

// AlertFilter narrows an alert; what is empty does not narrow.
type AlertFilter struct {
	Team            string            `json:"team,omitempty" maxLength:"200" example:"Platform" doc:"Name or id of a team that is asked."`
	User            string            `json:"user,omitempty" maxLength:"256" example:"eve" doc:"Name or uid on the endpoint."`
	EndpointLabels  map[string]string `json:"endpoint_labels,omitempty" doc:"Labels that the endpoint must have, all of them."`
	AccessType      string            `json:"access_type,omitempty" enum:"run,session,admin" example:"run"`
	PriorityAtLeast string            `json:"priority_at_least,omitempty" enum:"low,normal,high,urgent" example:"high"`
	WaitingSeconds  int64             `json:"waiting_longer_than_seconds,omitempty" minimum:"0" maximum:"2592000" example:"900" doc:"request.submitted is told when the request has waited so long, once."`
	Caution         bool              `json:"caution,omitempty" doc:"Only with a reason for caution."`
}

// AlertRecipients are the people of an alert. Without any, who can answer the
// request is told, and of what nobody can answer administrators.
type AlertRecipients struct {
	Users     []string `json:"users,omitempty" nullable:"false" maxItems:"1000" example:"[\"bo\"]" doc:"Logins or ids."`
	Teams     []string `json:"teams,omitempty" nullable:"false" maxItems:"1000" example:"[\"Platform\"]" doc:"Names or ids."`
	Roles     []string `json:"roles,omitempty" nullable:"false" maxItems:"6" enum:"administrator,security_admin,rule_author,approver,auditor,requester"`
	Answerers bool     `json:"answerers,omitempty" doc:"Who can answer the request now."`
	Requester bool     `json:"requester,omitempty" doc:"The linked account of who asks."`
}

// NewAlert asks for an alert.
type NewAlert struct {
	Name          string           `json:"name" minLength:"1" maxLength:"200" example:"New requests"`
	Events        []string         `json:"events" nullable:"false" minItems:"1" maxItems:"200" example:"[\"request.submitted\"]" doc:"Kinds of audit events; request.created is request.submitted."`
	Filter        *AlertFilter     `json:"filter,omitempty"`
	Channels      []string         `json:"channels" nullable:"false" minItems:"1" maxItems:"20" example:"[\"Operations\"]" doc:"Ids or names."`
	Recipients    *AlertRecipients `json:"recipients,omitempty" doc:"Of channels that speak to people."`
	DigestSeconds int64            `json:"digest_seconds,omitempty" minimum:"0" maximum:"604800" example:"600" doc:"At most one message in this time to each recipient; the rest comes as a digest."`
	Mandatory     bool             `json:"mandatory,omitempty" doc:"What people chose for themselves does not count."`
	Enabled       *bool            `json:"enabled,omitempty" example:"true"`
}

// EditAlert changes an alert; what is left out stays.
type EditAlert struct {
	Name          *string          `json:"name,omitempty" minLength:"1" maxLength:"200" example:"New requests"`
	Events        *[]string        `json:"events,omitempty" nullable:"false" minItems:"1" maxItems:"200" example:"[\"request.submitted\"]"`
	Filter        *AlertFilter     `json:"filter,omitempty" doc:"The whole filter anew."`
	Channels      *[]string        `json:"channels,omitempty" nullable:"false" minItems:"1" maxItems:"20" example:"[\"Operations\"]"`
	Recipients    *AlertRecipients `json:"recipients,omitempty" doc:"All recipients anew."`
	DigestSeconds *int64           `json:"digest_seconds,omitempty" minimum:"0" maximum:"604800" example:"600"`
	Mandatory     *bool            `json:"mandatory,omitempty"`
	Enabled       *bool            `json:"enabled,omitempty" example:"true"`
}

// Alert says what is told to whom through which channels.
type Alert struct {
	ID            string          `json:"id" example:"alert_019aa8d2-1111-7c41-9d10-3b1f0c5f2a77"`
	Name          string          `json:"name" example:"New requests"`
	Events        []string        `json:"events" nullable:"false" example:"[\"request.submitted\"]"`
	Filter        AlertFilter     `json:"filter"`
	Channels      []string        `json:"channels" nullable:"false" example:"[\"chan_019aa8d2-1111-7c41-9d10-3b1f0c5f2a77\"]" doc:"Ids."`
	Recipients    AlertRecipients `json:"recipients"`
	DigestSeconds int64           `json:"digest_seconds" example:"600"`
	Mandatory     bool            `json:"mandatory"`
	Enabled       bool            `json:"enabled"`
	MadeAt        time.Time       `json:"made_at"`
}

// Delivery is one thing that is told to one recipient through one channel.
type Delivery struct {
	ID          string     `json:"id" example:"dlv_019aa8d2-1111-7c41-9d10-3b1f0c5f2a77" doc:"The webhook-id, unless it was told together with others."`
	Alert       string     `json:"alert" example:"alert_019aa8d2-1111-7c41-9d10-3b1f0c5f2a77"`
	AlertName   string     `json:"alert_name" example:"New requests"`
	Channel     string     `json:"channel" example:"chan_019aa8d2-1111-7c41-9d10-3b1f0c5f2a77"`
	ChannelName string     `json:"channel_name" example:"Operations"`
	Recipient   string     `json:"recipient" example:"bo" doc:"Login; empty when the channel speaks to a system."`
	Kind        string     `json:"kind" example:"request.submitted"`
	Request     string     `json:"request" example:"req_019aa8d2-6f3e-7c41-9d10-3b1f0c5f2a77"`
	State       string     `json:"state" enum:"waiting,sent,failed,dropped"`
	Tries       int64      `json:"tries" example:"1"`
	NextAt      *time.Time `json:"next_at" doc:"While it waits."`
	LastError   string     `json:"last_error" example:""`
	Message     string     `json:"message" example:"" doc:"Id of the message that told it together with others."`
	CreatedAt   time.Time  `json:"created_at"`
	SentAt      *time.Time `json:"sent_at"`
}

// MySettings are the caller's own settings.
type MySettings struct {
	Notify  MyNotify            `json:"notify"`
	Buttons []string            `json:"buttons" nullable:"false" example:"[\"new-request\"]" doc:"Of the page that opens first."`
	Columns map[string][]string `json:"columns" doc:"Of each list, in their order."`
	Views   []MyView            `json:"views" nullable:"false"`
	Density string              `json:"density" enum:"comfortable,compact"`
	Keys    map[string]string   `json:"keys" doc:"Keys of the keyboard by what they do."`

	OfferedChannels []string `json:"offered_channels" nullable:"false" example:"[\"Mail\"]" doc:"Names of the channels that can be chosen."`
}

// MyNotify says how the caller is told.
type MyNotify struct {
	Channels      *[]string `json:"channels" example:"[\"Mail\"]" doc:"Names of channels to people; null is as alerts say, empty is not at all. Mandatory alerts come anyway."`
	QuietHours    string    `json:"quiet_hours" example:"Mon-Fri 22:00-07:00" doc:"What happens meanwhile comes afterwards, together."`
	TimeZone      string    `json:"time_zone" example:"Europe/Berlin"`
	DigestSeconds int64     `json:"digest_seconds" example:"600" doc:"At most one message in this time."`
	Phone         string    `json:"phone" example:"+4930123456"`
}

// MyView is a list with a name.
type MyView struct {
	Name  string `json:"name" minLength:"1" maxLength:"200" example:"Servers"`
	Query string `json:"query" maxLength:"2000" example:"status=pending&q=web"`
}

// EditMySettings changes the caller's own settings; what is left out stays.
type EditMySettings struct {
	Notify  *EditMyNotify        `json:"notify,omitempty"`
	Buttons *[]string            `json:"buttons,omitempty" nullable:"false" maxItems:"100" example:"[\"new-request\"]"`
	Columns *map[string][]string `json:"columns,omitempty" doc:"All of them anew."`
	Views   *[]MyView            `json:"views,omitempty" nullable:"false" maxItems:"100"`
	Density *string              `json:"density,omitempty" enum:"comfortable,compact" example:"compact"`
	Keys    *map[string]string   `json:"keys,omitempty" doc:"All of them anew."`
}

// EditMyNotify changes how the caller is told; what is left out stays.
type EditMyNotify struct {
	Channels      *[]string `json:"channels,omitempty" nullable:"false" maxItems:"20" example:"[]" doc:"Ids or names; empty is not at all."`
	AsAlertsSay   bool      `json:"as_alerts_say,omitempty" doc:"Forget the choice of channels."`
	QuietHours    *string   `json:"quiet_hours,omitempty" maxLength:"500" example:"Mon-Fri 22:00-07:00"`
	TimeZone      *string   `json:"time_zone,omitempty" maxLength:"64" example:"Europe/Berlin"`
	DigestSeconds *int64    `json:"digest_seconds,omitempty" minimum:"0" maximum:"604800" example:"600"`
	Phone         *string   `json:"phone,omitempty" maxLength:"16" example:"+4930123456"`
}

// Channels lists the channels.
func (c *Client) Channels(ctx context.Context) ([]Channel, error) {
	return All[Channel](ctx, c, "/channels", nil, 0)
}

// AddChannel makes a channel; a secret that was made is in the answer.
func (c *Client) AddChannel(ctx context.Context, in NewChannel) (Channel, error) {
	return Post[Channel](ctx, c, "/channels", in)
}

// EditChannel changes a channel, by id or name.
func (c *Client) EditChannel(ctx context.Context, id string, in EditChannel) (Channel, error) {
	return put[Channel](ctx, c, "/channels/"+url.PathEscape(id), in)
}

// DeleteChannel deletes a channel.
func (c *Client) DeleteChannel(ctx context.Context, id string) error {
	return c.Call(ctx, http.MethodDelete, "/channels/"+url.PathEscape(id), nil, nil, nil)
}

// TestChannel sends a message through a channel now.
func (c *Client) TestChannel(ctx context.Context, id string) (ChannelTest, error) {
	return Post[ChannelTest](ctx, c, "/channels/"+url.PathEscape(id)+"/test", nil)
}

// Alerts lists the alerts.
func (c *Client) Alerts(ctx context.Context) ([]Alert, error) {
	return All[Alert](ctx, c, "/alerts", nil, 0)
}

// AddAlert makes an alert.
func (c *Client) AddAlert(ctx context.Context, in NewAlert) (Alert, error) {
	return Post[Alert](ctx, c, "/alerts", in)
}

// EditAlert changes an alert, by id or name.
func (c *Client) EditAlert(ctx context.Context, id string, in EditAlert) (Alert, error) {
	return put[Alert](ctx, c, "/alerts/"+url.PathEscape(id), in)
}

// DeleteAlert deletes an alert.
func (c *Client) DeleteAlert(ctx context.Context, id string) error {
	return c.Call(ctx, http.MethodDelete, "/alerts/"+url.PathEscape(id), nil, nil, nil)
}

// Deliveries lists what was told or waits to be told, the newest first, at most
// limit (0 = all); query has channel, state and request.
func (c *Client) Deliveries(ctx context.Context, query url.Values, limit int) ([]Delivery, error) {
	return All[Delivery](ctx, c, "/deliveries", query, limit)
}

// RetryDelivery tries a delivery again now.
func (c *Client) RetryDelivery(ctx context.Context, id string) (Delivery, error) {
	return Post[Delivery](ctx, c, "/deliveries/"+url.PathEscape(id)+"/retry", nil)
}

// MySettings reads the caller's own settings.
func (c *Client) MySettings(ctx context.Context) (MySettings, error) {
	return Get[MySettings](ctx, c, "/me/settings", nil)
}

// EditMySettings changes the caller's own settings.
func (c *Client) EditMySettings(ctx context.Context, in EditMySettings) (MySettings, error) {
	return put[MySettings](ctx, c, "/me/settings", in)
}
