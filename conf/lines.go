package conf

import (
	"strconv"
	"strings"

	"github.com/lvs-director/director/conf/syntax"
)

// The lines of blocks of entries, for the effective configuration.

// entry remembers where an entry of a value block stood.
func (l *loader) entry(block any, keyword, key string, c *syntax.Node) {
	b := l.cfg.sources.of(block)
	b.said = append(b.said, Source{Keyword: keyword + " " + key, Pos: c.Pos()})
}

func addressLines(list []Address) []entryLine {
	lines := make([]entryLine, 0, len(list))
	for _, a := range list {
		lines = append(lines, entryLine{a.Prefix.Addr().String(), a.words()})
	}
	return lines
}

func routeLines(list []Route) []entryLine {
	lines := make([]entryLine, 0, len(list))
	for _, r := range list {
		lines = append(lines, entryLine{r.Text, strings.Fields(r.Text)})
	}
	return lines
}

func ruleLines(list []Rule) []entryLine {
	lines := make([]entryLine, 0, len(list))
	for _, r := range list {
		words := strings.Fields(r.Text)
		if !strings.Contains(" "+r.Text+" ", " preference ") && !strings.Contains(" "+r.Text+" ", " priority ") && !strings.Contains(" "+r.Text+" ", " order ") {
			words = append(words, "preference", strconv.FormatUint(uint64(r.Priority), 10))
		}
		lines = append(lines, entryLine{r.Text, words})
	}
	return lines
}

func peerLines(list []UnicastPeer) []entryLine {
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

func trackLines(list []Track) []entryLine {
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

func interfaceLines(list []TrackInterface) []entryLine {
	tracks := make([]Track, len(list))
	for i, t := range list {
		tracks[i] = Track(t)
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

func delayLines(list []InterfaceDelay) []entryLine {
	lines := make([]entryLine, 0, len(list))
	for _, d := range list {
		lines = append(lines, entryLine{d.Interface, []string{d.Interface, secs(d.Down), secs(d.Up)}})
	}
	return lines
}
