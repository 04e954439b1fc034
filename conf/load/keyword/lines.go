package keyword

import (
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
