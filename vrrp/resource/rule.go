package resource

import (
	"github.com/lvs-director/director/conf"
	"github.com/lvs-director/director/vrrp/link"
)

// Rule is a virtual or static routing rule.
type Rule struct{ conf.Rule }

// RuleKey is a rule as the kernel knows it: by all that it says.
type RuleKey struct{ rule conf.Rule }

// KeyOfRule is the key of a rule.
func KeyOfRule(r conf.Rule) RuleKey { return RuleKey{link.RuleOf(r)} }

// Kind implements Key.
func (RuleKey) Kind() Kind { return KindRule }

// Journal implements Key.
func (k RuleKey) Journal() string { return "rule " + k.rule.String() }

// Attrs implements Key.
func (k RuleKey) Attrs() []any { return []any{"rule", k.rule.String()} }

// String implements Key.
func (k RuleKey) String() string { return k.Journal() }

func parseRule(rest string) (Rule, bool) {
	r, ok := conf.ParseRule(rest)
	return Rule{r}, ok && link.RuleOf(r).String() == rest
}

// Key implements Resource.
func (r Rule) Key() Key { return KeyOfRule(r.Rule) }

// Tracked implements Resource.
func (r Rule) Tracked() bool { return !r.NoTrack }

// TrackGroup implements Resource.
func (r Rule) TrackGroup() string { return r.Rule.TrackGroup }

// Devices implements Resource.
func (r Rule) Devices() []string { return named(r.InputIf, r.OutputIf) }

func (r Rule) same(other Resource) bool { return r.Key() == other.Key() }

func (r Rule) create(k *Kernel) error { return k.Routes.AddRule(r.Rule) }

// remove is for a rule that is known to be there; see Reconciler.remove.
func (r Rule) remove(k *Kernel) error { return k.Routes.RemoveRule(r.Rule) }
