package keyword

import (
	"slices"
	"strconv"
	"strings"

	"github.com/lvs-director/director/conf"
	"github.com/lvs-director/director/conf/load/value"
	"github.com/lvs-director/director/conf/syntax"
)

// The lines of blocks of entries, for the effective configuration.

func addressLines(list []conf.Address) []entryLine {
	lines := make([]entryLine, 0, len(list))
	for _, a := range list {
		lines = append(lines, entryLine{a.Prefix.Addr().String(), a.Words()})
	}
	return lines
}

func routeLines(list []conf.Route) []entryLine {
	lines := make([]entryLine, 0, len(list))
	for _, r := range list {
		lines = append(lines, entryLine{r.Text, strings.Fields(r.Text)})
	}
	return lines
}

func ruleLines(list []conf.Rule) []entryLine {
	lines := make([]entryLine, 0, len(list))
	for _, r := range list {
		words := strings.Fields(r.Text)
		if !strings.Contains(" "+r.Text+" ", " preference ") && !strings.Contains(" "+r.Text+" ", " priority ") &&
			!strings.Contains(" "+r.Text+" ", " order ") {
			words = append(words, "preference", strconv.FormatUint(uint64(r.Priority), 10))
		}
		lines = append(lines, entryLine{r.Text, words})
	}
	return lines
}

func peerLines(list []conf.UnicastPeer) []entryLine {
	lines := make([]entryLine, 0, len(list))
	for _, p := range list {
		words := one(p.Address.String())
		if p.MinTTL >= 0 {
			words = append(words, "min_ttl", strconv.Itoa(p.MinTTL))
		}
		if p.MaxTTL >= 0 {
			words = append(words, "max_ttl", strconv.Itoa(p.MaxTTL))
		}
		lines = append(lines, entryLine{p.Address.String(), words})
	}
	return lines
}

func trackLines(list []conf.Track) []entryLine {
	lines := make([]entryLine, 0, len(list))
	for _, t := range list {
		words := []string{t.Name, "weight", strconv.Itoa(t.Weight)}
		if t.Reverse {
			words = append(words, "reverse")
		}
		lines = append(lines, entryLine{t.Name, words})
	}
	return lines
}

func interfaceLines(list []conf.TrackInterface) []entryLine {
	tracks := make([]conf.Track, len(list))
	for i, t := range list {
		tracks[i] = conf.Track(t)
	}
	return trackLines(tracks)
}

func nameLines(list []string) []entryLine {
	lines := make([]entryLine, 0, len(list))
	for _, name := range list {
		lines = append(lines, entryLine{name, one(name)})
	}
	return lines
}

func delayLines(list []conf.InterfaceDelay) []entryLine {
	lines := make([]entryLine, 0, len(list))
	for _, d := range list {
		lines = append(lines, entryLine{d.Interface, []string{d.Interface, value.Seconds(d.Down), value.Seconds(d.Up)}})
	}
	return lines
}

// Address is an address and the line that says it.
type Address struct {
	conf.Address
	Node *syntax.Node
}

// addresses reads a block of addresses. They are the loader's until it is known
// which of them count; owner is the block that they stand in.
func (l *Loader) addresses(n *syntax.Node, owner any, static bool) {
	l.Word = n.Keyword.Text
	for _, c := range l.Entries(n) {
		a, ok := l.AddressEntry(c, static)
		if !ok {
			continue
		}
		l.Addresses[owner] = append(l.Addresses[owner], Address{a, c})
		block := owner
		if x, ok := owner.(ExcludedOf); ok {
			block = x.Instance
		}
		l.Entry(block, n.Keyword.Text, a.Prefix.Addr().String(), c)
	}
}

// Section is a block of the effective configuration: what was said, what was
// inherited and what is default, all of it. Secrets are masked.
type Section struct {
	Keyword  string    `json:"block"`
	Words    []string  `json:"words,omitempty"`
	From     string    `json:"from,omitempty"` // where the block begins
	Settings []Setting `json:"settings,omitempty"`
	Sections []Section `json:"blocks,omitempty"`
}

// Setting is one line of a Section. In a block of entries the keyword is the
// entry's first word.
type Setting struct {
	Keyword string   `json:"keyword"`
	Words   []string `json:"value,omitempty"`
	// From is FILE:LINE:COL, the place it was inherited from, or "default".
	From string `json:"from"`

	// Said is where the block itself says it; no place for what is inherited or a default.
	Said conf.Pos `json:"-"`

	// Secret is what is behind a mask, so that changes are seen; it is not shown.
	Secret conf.Secret `json:"-"`
}

// masked hides what is secret in the words of a value; raw tells whether that was changed.
func (k *keyword[T]) masked(words []string) (shown []string, raw conf.Secret) {
	if k.mask == nil || len(words) == 0 {
		return words, ""
	}
	if shown = k.mask(words); !slices.Equal(shown, words) {
		raw = conf.Secret(strings.Join(words, "\x00"))
	}
	return shown, raw
}

// entryLine is one line of a block of entries; key finds its source.
type entryLine struct {
	key   string
	words []string
}

// Show shows one block. inherited says where a value that was not said comes
// from, "" when it is a default.
func Show[T any](c *conf.Config, tb *table[T], t *T, words []string, inherited func(keyword string) string) Section {
	return ShowAt(c, tb, t, t, words, inherited)
}

// ShowAt is Show for a block whose place is remembered under another key.
func ShowAt[T any](c *conf.Config, tb *table[T], key any, t *T, words []string,
	inherited func(keyword string) string) Section {
	s := Section{Keyword: tb.block, Words: words}
	if pos, ok := c.Place(key); ok {
		s.From = pos.String()
	}
	from := func(keyword string) string {
		if said, ok := c.Source(key, keyword); ok {
			return said.Pos.String()
		}
		if inherited != nil {
			if f := inherited(keyword); f != "" {
				return f
			}
		}
		return "default"
	}
	for i := range tb.list {
		k := &tb.list[i]
		switch {
		case k.lines != nil:
			lines := k.lines(t)
			if len(lines) == 0 {
				continue
			}
			sub := Section{Keyword: k.name}
			if said, ok := c.Source(key, k.name); ok {
				sub.From = said.Pos.String()
			}
			for _, line := range lines {
				words, raw := k.masked(line.words)
				entry := Setting{Keyword: words[0], Words: words[1:], From: sub.From, Secret: raw}
				if said, ok := c.Source(key, k.name+" "+line.key); ok {
					entry.From, entry.Said = said.Pos.String(), said.Pos
				}
				sub.Settings = append(sub.Settings, entry)
			}
			s.Sections = append(s.Sections, sub)
		case k.get != nil:
			value := k.get(t)
			if value == nil {
				continue
			}
			value, raw := k.masked(value)
			setting := Setting{Keyword: k.name, Words: value, From: from(k.canonical()), Secret: raw}
			if said, ok := c.Source(key, k.canonical()); ok {
				setting.Said = said.Pos
			}
			if k.raw != nil {
				setting.Secret = conf.Secret(k.raw(t))
			}
			s.Settings = append(s.Settings, setting)
		}
	}
	return s
}
