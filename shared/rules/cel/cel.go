// Package cel compiles and evaluates the optional `when` of rules: conditions in
// the Common Expression Language.
//
// A condition is checked against types, so a misspelt field is a fault at save
// and not a surprise later. Its cost is bounded twice: by an estimate when it is
// compiled, and by a limit that ends the evaluation. Whatever goes wrong is an
// error, which rules turns into "no match" for an approving rule and into "ask
// a person" for any other. Conditions of approving rules do not see what an
// endpoint says of itself.
//
// The controller and assentctl link this package; the agent does not.
package cel

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"time"
	_ "time/tzdata" // hours and conditions name time zones, also on systems without a database of them

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common/cost"
	"cel.dev/cel-go/ext"

	"github.com/assent-epm/assent/shared/rules"
)

// Bounds of one condition. Cost is in CEL's units, roughly one per step.
const (
	MaxSource = rules.MaxWhen // bytes
	MaxCost   = 1_000_000
	maxNested = 50
	maxTime   = 250 * time.Millisecond // a second fence; the cost ends it long before
	checkEach = 100                    // iterations of a loop between looks at the clock
)

// Conditions compiles conditions. Use [New].
type Conditions struct{ approving, other *cel.Env }

var _ rules.Conditions = (*Conditions)(nil)

// What conditions see, with the names of the REST interface.
type (
	// Publisher is subject.publisher.
	Publisher struct {
		Name       string `cel:"name"`
		Thumbprint string `cel:"thumbprint"`
	}
	// Subject is subject.
	Subject struct {
		Path      string    `cel:"path"`
		Args      []string  `cel:"args"`
		Cwd       string    `cel:"cwd"`
		RunAs     string    `cel:"run_as"`
		SHA256    string    `cel:"sha256"`
		Size      int64     `cel:"size"`
		Publisher Publisher `cel:"publisher"`
		Parent    string    `cel:"parent"`
		Product   string    `cel:"product"`
		Version   string    `cel:"version"`
	}
	// User is user.
	User struct {
		Name    string   `cel:"name"`
		Display string   `cel:"display"`
		UID     string   `cel:"uid"`
		Groups  []string `cel:"groups"`
	}
	// Endpoint is endpoint as approving rules see it.
	Endpoint struct {
		ID        string            `cel:"id"`
		Name      string            `cel:"name"`
		OS        string            `cel:"os"`
		OSVersion string            `cel:"os_version"`
		Arch      string            `cel:"arch"`
		IP        string            `cel:"ip"`
		Labels    map[string]string `cel:"labels"`
	}
	// ReportedEndpoint is endpoint as all other rules see it.
	ReportedEndpoint struct {
		ID        string            `cel:"id"`
		Name      string            `cel:"name"`
		OS        string            `cel:"os"`
		OSVersion string            `cel:"os_version"`
		Arch      string            `cel:"arch"`
		IP        string            `cel:"ip"`
		Labels    map[string]string `cel:"labels"`
		Reported  map[string]string `cel:"reported"`
	}
)

// New makes the compiler.
func New() (*Conditions, error) {
	approving, err := env("cel.Endpoint")
	if err != nil {
		return nil, fmt.Errorf("set up conditions: %w", err)
	}
	other, err := env("cel.ReportedEndpoint")
	if err != nil {
		return nil, fmt.Errorf("set up conditions: %w", err)
	}
	return &Conditions{approving: approving, other: other}, nil
}

func env(endpoint string) (*cel.Env, error) {
	return cel.NewEnv(
		ext.NativeTypes(ext.ParseStructTags(true), reflect.TypeFor[Publisher](), reflect.TypeFor[Subject](), reflect.TypeFor[User](),
			reflect.TypeFor[Endpoint](), reflect.TypeFor[ReportedEndpoint]()),
		cel.Variable("subject", cel.ObjectType("cel.Subject")),
		cel.Variable("user", cel.ObjectType("cel.User")),
		cel.Variable("endpoint", cel.ObjectType(endpoint)),
		cel.Variable("access_type", cel.StringType),
		cel.Variable("justification", cel.StringType),
		cel.Variable("ticket", cel.StringType),
		cel.Variable("priority", cel.StringType),
		cel.Variable("now", cel.TimestampType),
		cel.ParserRecursionLimit(maxNested),
		cel.ParserExpressionSizeLimit(MaxSource),
	)
}

// Compile checks a condition: its size, its types, that it is true or false,
// and that it can not cost more than [MaxCost] for an attempt of usual size.
func (c *Conditions) Compile(source string, approving bool) (rules.Condition, error) {
	if len(source) > MaxSource {
		return nil, fmt.Errorf("it is longer than %d bytes", MaxSource)
	}
	e := c.other
	if approving {
		e = c.approving
	}
	ast, issues := e.Compile(source)
	if issues != nil && issues.Err() != nil {
		return nil, explain(issues)
	}
	if ast.OutputType() != cel.BoolType {
		return nil, fmt.Errorf("it is of type %s, but must be true or false", ast.OutputType())
	}
	estimate, err := e.EstimateCost(ast, sizes{})
	if err != nil {
		return nil, fmt.Errorf("estimate its cost: %w", err)
	}
	if estimate.Max > MaxCost {
		return nil, errors.New("it could take too long for a large attempt: avoid a loop inside a loop, and say more in `match`")
	}
	program, err := e.Program(ast, cel.CostLimit(MaxCost), cel.InterruptCheckFrequency(checkEach), cel.EvalOptions(cel.OptOptimize))
	if err != nil {
		return nil, fmt.Errorf("prepare it: %w", err)
	}
	return condition{program: program, approving: approving}, nil
}

// explain is the first issue with its place inside the condition.
func explain(issues *cel.Issues) error {
	list := issues.Errors()
	if len(list) == 0 {
		return issues.Err()
	}
	return fmt.Errorf("column %d: %s", list[0].Location.Column()+1, list[0].Message)
}

// sizes are the sizes that the estimate assumes. They are what a large attempt
// has, not the most that the protocol lets through: the limit at run time holds
// for those.
type sizes struct{}

// EstimateSize implements CEL's estimator of costs.
func (sizes) EstimateSize(n cost.AstNode) *cost.SizeEstimate {
	path := n.Path()
	if len(path) == 0 {
		return nil
	}
	most := uint64(512)
	switch path[len(path)-1] {
	case "groups", "args":
		most = 256
	case "labels", "reported":
		most = 64
	case "@items", "@keys", "@values":
		most = 128
	case "justification":
		most = 2000
	case "sha256", "thumbprint", "id", "uid", "os", "arch", "ip", "access_type", "priority":
		most = 64
	case "ticket", "name", "run_as", "os_version", "display", "product", "version":
		most = 256
	}
	return &cost.SizeEstimate{Min: 0, Max: most}
}

// EstimateCallCost implements CEL's estimator of costs; the standard costs are
// taken.
func (sizes) EstimateCallCost(string, string, *cost.AstNode, []cost.AstNode) *cost.CallEstimate {
	return nil
}

type condition struct {
	program   cel.Program
	approving bool
}

// Holds evaluates the condition. Too much cost, a missing key, a division by
// zero and everything else that is not true or false is an error.
func (c condition) Holds(in rules.Input, now time.Time) (held bool, units uint64, err error) {
	ctx, cancel := context.WithTimeout(context.Background(), maxTime)
	defer cancel()
	out, details, err := c.program.ContextEval(ctx, facts{in: &in, now: now, approving: c.approving})
	units = MaxCost // when nobody knows
	if details != nil && details.ActualCost() != nil {
		units = *details.ActualCost()
	}
	if err != nil {
		return false, units, fmt.Errorf("evaluate condition: %w", err)
	}
	held, ok := out.Value().(bool)
	if !ok {
		return false, units, fmt.Errorf("evaluate condition: the result is of type %T", out.Value())
	}
	return held, units, nil
}

// facts give a condition the values that it asks for, and make no others.
type facts struct {
	in        *rules.Input
	now       time.Time
	approving bool
}

// Parent implements CEL's activation; there is none.
func (facts) Parent() cel.Activation { return nil }

// ResolveName implements CEL's activation.
func (f facts) ResolveName(name string) (any, bool) {
	switch name {
	case "subject":
		s := f.in.Attempt.Subject
		return &Subject{Path: s.Path, Args: s.Args, Cwd: s.Cwd, RunAs: s.RunAs, SHA256: s.SHA256, Size: s.Size,
			Publisher: Publisher(s.Publisher), Parent: s.Parent, Product: s.Product, Version: s.Version}, true
	case "user":
		u := f.in.Attempt.User
		return &User{Name: u.Name, Display: u.Display, UID: u.UID, Groups: u.Groups}, true
	case "endpoint":
		return f.endpoint(), true
	case "access_type":
		return string(f.in.Attempt.AccessType), true
	case "justification":
		return f.in.Justification, true
	case "ticket":
		return f.in.Ticket, true
	case "priority":
		return string(f.in.Priority), true
	case "now":
		return f.now, true
	}
	return nil, false
}

func (f facts) endpoint() any {
	e := f.in.Endpoint
	if f.approving {
		return &Endpoint{ID: string(e.ID), Name: e.Name, OS: e.OS, OSVersion: e.OSVersion, Arch: e.Arch, IP: e.IP, Labels: e.Labels}
	}
	return &ReportedEndpoint{ID: string(e.ID), Name: e.Name, OS: e.OS, OSVersion: e.OSVersion, Arch: e.Arch, IP: e.IP,
		Labels: e.Labels, Reported: e.Reported}
}
