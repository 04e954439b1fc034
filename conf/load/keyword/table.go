package keyword

import (
	"slices"
	"strings"

	"github.com/lvs-director/director/conf"
	"github.com/lvs-director/director/conf/load/value"
	"github.com/lvs-director/director/conf/syntax"
)

// State says what a keyword does in director.
type State uint8

// The states of a keyword.
const (
	// Works means that it has the effect it has in keepalived.
	Works State = iota
	// NoEffect means that it is read and checked, and changes nothing; the
	// keyword's note says why.
	NoEffect
)

// String is the word of the documentation.
func (s State) String() string {
	if s == NoEffect {
		return "accepted without effect"
	}
	return "works"
}

// keyword is one row of a table: a word that may begin a line in the block
// that is read into a T.
type keyword[T any] struct {
	name   string
	aliasO string // the name this is another word for
	value  string // what follows, for people: "1..255", "IP [PORT]"
	deflt  string // default, for people; empty is none
	unit   string // of a bare number
	state  State
	why    string // reason of NoEffect, or a remark
	own    bool   // director's own: keepalived does not know it
	serves bool   // it changes whether, where or to whom we serve
	block  bool   // a { } must follow
	need   int    // words that must follow; keepalived ends when they do not
	max    int    // words that count; -1 is any number, 0 is need
	repeat bool   // may be said several times
	once   bool   // said again it is ignored: the first one counts
	hush   bool   // its words are secret: no finding shows them

	// secret says what of its value is never shown, for people; empty is nothing. mask hides that in
	// the words of the value, or of each line of a block of entries; without it get does by itself.
	secret string
	mask   func(words []string) []string

	set func(l *Loader, n *syntax.Node, t *T)
	// get gives the words of the effective value, nil when there is nothing to
	// show. A keyword without get is not shown in an effective configuration.
	get func(t *T) []string
	// lines gives the lines of a block of entries.
	lines func(t *T) []entryLine
	// raw is what get masks.
	raw func(t *T) string
}

func (k keyword[T]) noEffect(why string) keyword[T] {
	k.state, k.why = NoEffect, why
	return k
}

func (k keyword[T]) remark(why string) keyword[T] {
	k.why = why
	return k
}

func (k keyword[T]) ours() keyword[T] {
	k.own = true
	return k
}

// most is how many words count.
func (k keyword[T]) most(n int) keyword[T] {
	k.max = n
	return k
}

// shown gives a block of entries its lines.
func (k keyword[T]) shown(lines func(*T) []entryLine) keyword[T] {
	k.lines = lines
	return k
}

// firstCounts is for a keyword that keepalived ignores, and says so, when it
// is said a second time; of others the last one counts.
func (k keyword[T]) firstCounts() keyword[T] {
	k.once = true
	return k
}

func (k keyword[T]) optional() keyword[T] {
	k.max, k.need = max(k.need, k.max), 0
	return k
}

func (k keyword[T]) alias(name string) keyword[T] {
	k.aliasO, k.name = k.name, name
	k.get = nil
	return k
}

// The secrets of keywords, for people.
const (
	allSecret       = "the value"
	urlSecret       = "the query, and the user with his password"
	argumentsSecret = "arguments that look like a secret"
)

// hides has a keyword show no word of its value behind the first shown ones.
func (k keyword[T]) hides(what string, shown int) keyword[T] {
	k.hush, k.secret = true, what
	k.mask = func(words []string) []string {
		masked := append([]string{}, words[:min(shown, len(words))]...)
		if len(words) > shown {
			masked = append(masked, conf.Mask)
		}
		return masked
	}
	return k
}

// table is the keywords of one kind of block.
type table[T any] struct {
	block string // name of the block, "" for the root of the file
	list  []keyword[T]
	index map[string]*keyword[T]
	// hush says that a line has a secret in this block, perhaps behind a misspelt keyword.
	hush bool
}

// newTable builds the index, once per program.
func newTable[T any](block string, lists ...[]keyword[T]) *table[T] {
	t := &table[T]{block: block, list: slices.Concat(lists...)}
	t.index = make(map[string]*keyword[T], len(t.list))
	for i := range t.list {
		k := &t.list[i]
		if k.max == 0 {
			k.max = k.need
		}
		if isLater(block, k.name) && k.state != NoEffect {
			k.state, k.why = NoEffect, whyLater
			k.serves = slices.Contains(serving[block], k.name)
		}
		t.index[k.name] = k
		t.hush = t.hush || k.hush && k.secret != ""
	}
	return t
}

func (tb *table[T]) names() []string {
	names := make([]string, len(tb.list))
	for i := range tb.list {
		names[i] = tb.list[i].name
	}
	return names
}

// where is the block in words, for findings.
func (tb *table[T]) where() string {
	if tb.block == "" {
		return "at the top level"
	}
	return "in " + tb.block
}

// Read dispatches the lines of a block. It reports whether it knew any of them.
func (tb *table[T]) Read(l *Loader, nodes []*syntax.Node, t *T) (known bool) {
	block := l.Sources.Of(t)
	defer func() { l.Hush = false }()
	for _, n := range nodes {
		k := tb.index[n.Keyword.Text]
		l.Hush = k == nil && tb.hush || k != nil && k.hush
		if k == nil {
			l.unknown(n, tb.where(), tb.names())
			continue
		}
		known = true
		if !l.shape(n, tb.block, k.name, k.block, k.hush, k.own, k.need, k.max) {
			continue
		}
		if !k.repeat && k.set != nil {
			if first, ok := block.Find(k.canonical()); ok && k.once {
				l.Warn(n, "repeated", "%s is already set%s at %s: this line is ignored", k.name, tb.by(l, k, first), first.Pos)
				continue
			} else if ok {
				l.Note(n, "repeated", "%s is already set%s at %s: the last line counts", k.name, tb.by(l, k, first), first.Pos)
			}
		}
		if k.state == NoEffect && k.serves {
			f := l.Warn(n, "not-served", "%s has no effect in this version: %s", k.name, whatInstead(tb.block, k.name))
			f.Unserved, f.Keyword = true, k.name
		} else if k.state == NoEffect && !l.Noted[k.name+" "+tb.block] {
			l.Noted[k.name+" "+tb.block] = true // once is enough
			l.Note(n, "no-effect", "%s is accepted without effect: %s", k.name, k.why).Keyword = k.name
		}
		if k.own && l.Compat {
			l.Warn(n, "own-keyword", "%s is director's own keyword: keepalived would ignore the line", k.name)
		}
		if k.set == nil {
			continue
		}
		l.Word, l.Fallback = k.name, k.deflt
		before := l.Complaints
		l.Taken = false
		k.set(l, n, t)
		if l.Complaints == before || l.Taken {
			block.Add(conf.Source{Keyword: k.canonical(), Pos: n.Pos()})
		}
	}
	return known
}

// by names the word of an earlier line when that is another one for the same: retry and fall.
func (tb *table[T]) by(l *Loader, k *keyword[T], first conf.Source) string {
	line, from := l.Tree.Line(first.Pos), int(first.Pos.Col)-1
	if from < 0 || from >= len(line) {
		return ""
	}
	words := strings.FieldsFunc(line[from:], func(r rune) bool { return r <= ' ' || r == '{' })
	if len(words) == 0 || words[0] == k.name || tb.index[words[0]] == nil {
		return ""
	}
	return " by " + words[0]
}

func (k *keyword[T]) canonical() string {
	if k.aliasO != "" {
		return k.aliasO
	}
	return k.name
}

// shape checks the words and the braces of a line before its keyword is
// looked at any closer. It reports whether the line can be used.
func (l *Loader) shape(n *syntax.Node, in, name string, block, hush, own bool, need, most int) bool {
	switch {
	case len(n.Args) < need && !n.Broken && whenBare(in, name) == isDropped:
		l.Warn(n, "missing-value", "%s has no value: the line is ignored", name)
		return false
	case len(n.Args) < need && !n.Broken && whenBare(in, name) == isSilent:
		l.Note(n, "missing-value", "%s has no value: the line is ignored", name)
		return false
	case len(n.Args) < need && !n.Broken:
		f := l.Err(n, "missing-parameter", "%s has no value", name)
		if !own {
			f.Hint = "keepalived exits at such a line"
		}
		return false
	case block && n.Block == nil && own: // nobody's configuration depends on its being ignored
		l.Err(n, "missing-block", "%s needs a block in braces", name).Hint = "write " + name + " { ... }"
		return false
	case block && n.Block == nil:
		f := l.Warn(n, "missing-block", "%s needs a block in braces: the line is ignored", name)
		if f.Hint = "write " + name + " { ... }"; len(n.Args) > need {
			f.Hint += "; keepalived takes the lines of the next block for those of this one"
		}
		return false
	case !block && n.Block != nil:
		l.WarnAt(n.Block.Open, n.Origin, "unexpected-brace", "%s takes no block: what stands in its braces is ignored", name)
	}
	if hush {
		l.cutByComment(n)
	}
	if most >= 0 && len(n.Args) > most && hush {
		l.NoteAt(n.Args[most].Pos, n.Origin, "extra-words", "this and what follows it are ignored: %s takes no more words",
			name)
	} else if most >= 0 && len(n.Args) > most {
		l.NoteAt(n.Args[most].Pos, n.Origin, "extra-words", "%q and what follows it are ignored: %s takes no more words",
			value.Clip(conf.MaskCommand(n.Args[most].Text)), name)
	}
	return true
}

// cutByComment notes a value that ends at a # or !, which begin a comment
// wherever they stand.
func (l *Loader) cutByComment(n *syntax.Node) {
	if len(n.Args) == 0 || !n.Literal {
		return
	}
	last := n.Args[len(n.Args)-1]
	line := l.Tree.Line(last.Pos)
	if end := int(last.Pos.Col) - 1 + len(last.Text); !last.Quoted && end < len(line) &&
		(line[end] == '#' || line[end] == '!') {
		p := last.Pos
		p.Col = int32(end + 1)
		l.NoteAt(p, n.Origin, "cut", "%c begins a comment here: the value of %s ends before it", line[end],
			n.Keyword.Text).Hint = "put the value into double quotes"
	}
}
