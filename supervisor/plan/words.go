package plan

import (
	"fmt"
	"strings"

	"github.com/lvs-director/director/conf"
	"github.com/lvs-director/director/conf/diff"
)

// mostNames is how many names one sentence lists.
const mostNames = 8

// names lists names, not too many of them.
func names(list []string) string {
	if len(list) > mostNames {
		return fmt.Sprintf("%s and %d more", strings.Join(list[:mostNames], ", "), len(list)-mostNames)
	}
	return strings.Join(list, ", ")
}

// count is "1 real server", "2 real servers".
func count(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}

// fieldWords says what changes, keyword by keyword.
func fieldWords(fields []diff.FieldChange) string {
	list := make([]string, 0, len(fields))
	for _, f := range fields {
		switch {
		case f.Old == "" && f.New == "":
			list = append(list, f.Keyword)
		case f.Old == "":
			list = append(list, f.Keyword+" "+f.New+" is new")
		case f.New == "":
			list = append(list, f.Keyword+" "+f.Old+" is removed")
		case f.Old == f.New: // secrets
			list = append(list, f.Keyword+" has another value")
		default:
			list = append(list, f.Keyword+" "+f.Old+" becomes "+f.New)
		}
	}
	return names(list)
}

// take splits off the fields whose keyword, or the block they stand in, is one
// of words.
func take(fields []diff.FieldChange, words ...string) (taken, rest []diff.FieldChange) {
	for _, f := range fields {
		first, _, _ := strings.Cut(f.Keyword, " ")
		hit := false
		for _, w := range words {
			hit = hit || first == w
		}
		if hit {
			taken = append(taken, f)
		} else {
			rest = append(rest, f)
		}
	}
	return taken, rest
}

// router names an instance with what it is on the wire.
func router(i *conf.Instance) string {
	return fmt.Sprintf("%s (virtual router %d on %s)", i.Name, i.VRID, i.Interface)
}

func addressText(a conf.Address) string { return a.Prefix.String() + " on " + a.Device }

// all are the addresses of an instance, advertised or not.
func all(i *conf.Instance) []conf.Address {
	if i == nil {
		return nil
	}
	list := make([]conf.Address, 0, len(i.Addresses)+len(i.ExcludedAddresses))
	return append(append(list, i.Addresses...), i.ExcludedAddresses...)
}

func addressTexts(list []conf.Address) string {
	texts := make([]string, len(list))
	for i, a := range list {
		texts[i] = addressText(a)
	}
	return names(texts)
}

// groups are the names of things that one sentence is true of, in the order
// in which the sentences came.
type groups struct {
	order []string
	of    map[string][]string
}

func (g *groups) add(text, name string) {
	if g.of == nil {
		g.of = make(map[string][]string)
	}
	if g.of[text] == nil {
		g.order = append(g.order, text)
	}
	g.of[text] = append(g.of[text], name)
}
