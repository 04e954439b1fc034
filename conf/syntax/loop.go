package syntax

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"

	"github.com/lvs-director/director/conf"
)

// rounds is a `~SEQ` or `~LST` under way.
type rounds struct {
	vars  []string
	saved []*definition // what the variables meant before
	next  int
	count int

	start, step int64 // ~SEQ
	base        int
	list        [][]string // ~LST: the values of each round
	pos         conf.Pos
}

// value gives variable v of round k.
func (r *rounds) value(k, v int) string {
	if r.list != nil {
		if v < len(r.list[k]) {
			return r.list[k][v]
		}
		return "" // a missing value is empty
	}
	return strconv.FormatInt(r.start+int64(k)*r.step, r.base)
}

// loop takes a line that begins with ~SEQ(…), ~SEQx(…) or ~LST(…): the rest of
// the line is read once for each value.
func (p *parser) loop(ln *line) bool {
	text := ln.text[ln.at:]
	var kind string
	for _, k := range []string{"~SEQ(", "~SEQx(", "~LST("} {
		if strings.HasPrefix(text, k) {
			kind = k
		}
	}
	if kind == "" {
		return false
	}
	pos := ln.pos(ln.at)
	end := strings.IndexByte(text, ')')
	if end < 0 {
		p.report(conf.Warning, pos, ln.origin, "bad-loop", "", "%s…) has no closing parenthesis; the line is ignored", kind)
		return true
	}
	args := *ln
	args.text = ln.text[:ln.at+end]
	args.at += len(kind)
	frames := len(p.frames)
	if args.trim() && args.flags&hasDollar != 0 && !p.substitute(&args) {
		return true
	}
	if len(p.frames) > frames {
		p.frames = p.frames[:frames]
		p.report(conf.Warning, pos, ln.origin, "bad-loop", "",
			"%s…): a definition of several lines is not a value; the line is ignored", kind)
		return true
	}
	r := &rounds{pos: pos}
	var err error
	switch inner := strings.Trim(args.text[args.at:], blanks); kind {
	case "~LST(":
		err = r.setList(inner)
	case "~SEQx(":
		r.base = 16
		err = r.setSequence(inner)
	default:
		r.base = 10
		err = r.setSequence(inner)
	}
	if extra := (extraValues{}); errors.As(err, &extra) {
		p.report(conf.Warning, pos, ln.origin, "bad-loop", "", "%s…): %v", kind, err)
	} else if err != nil {
		p.report(conf.Warning, pos, ln.origin, "bad-loop", "", "%s…): %v; the line is ignored", kind, err)
		return true
	}
	if r.count > p.limits.Lines {
		p.stop(pos, ln.origin, "too-many-lines", "%s…) repeats %d times; the limit is %d lines", kind, r.count,
			p.limits.Lines)
		return true
	}
	rest := *ln
	rest.at += end + 1
	rest.literal = false
	rest.gen = 0
	if !rest.trim() {
		return true
	}
	for _, v := range r.vars {
		r.saved = append(r.saved, p.defs[v])
	}
	p.frames = append(p.frames, frame{kind: frameRound, rest: rest, rounds: r, origin: ln.origin})
	return true
}

// nextRound begins the next round of a loop.
func (p *parser) nextRound(f *frame, ln *line) bool {
	r := f.rounds
	if r.next == r.count {
		return false
	}
	var name strings.Builder
	for i, v := range r.vars {
		value := r.value(r.next, i)
		p.setDefinition(v, &definition{value: value, pos: r.pos})
		if i > 0 {
			name.WriteByte(' ')
		}
		name.WriteString(v)
		name.WriteByte('=')
		name.WriteString(value)
	}
	r.next++
	*ln = f.rest
	ln.origin = p.child(f.origin, conf.FromLoop, name.String(), r.pos)
	return ln.origin != nil && p.charge(costRound, ln, ln.at)
}

// endRounds gives the variables back what they meant before the loop.
func (p *parser) endRounds(r *rounds) {
	for i, v := range r.vars {
		p.setDefinition(v, r.saved[i])
	}
}

// setSequence reads "var, [start, [step,]] end".
func (r *rounds) setSequence(args string) error {
	words := strings.Split(args, ",")
	if len(words) < 2 || len(words) > 4 {
		return errors.New("want a name, and then an end; a start and an end; or a start, a step and an end")
	}
	if err := r.setVariables(words[0]); err != nil {
		return err
	}
	var n [3]int64
	for i, w := range words[1:] {
		v, err := strconv.ParseInt(strings.Trim(w, blanks), 0, 64)
		if err != nil || v < math.MinInt32 || v > math.MaxUint32 {
			return fmt.Errorf("%q is not a number", strings.Trim(w, blanks))
		}
		n[i] = v
	}
	var end int64
	switch len(words) {
	case 2:
		end = n[0]
		r.start = 1
		if end < 0 {
			r.start = -1
		}
	case 3:
		r.start, end = n[0], n[1]
	case 4:
		r.start, r.step, end = n[0], n[1], n[2]
		if r.step == 0 {
			return errors.New("a step of 0 never ends")
		}
	}
	if r.step == 0 {
		r.step = 1
		if end < r.start {
			r.step = -1
		}
	}
	if (end-r.start)/r.step < 0 || end != r.start && (end > r.start) != (r.step > 0) {
		return fmt.Errorf("steps of %d do not lead from %d to %d", r.step, r.start, end)
	}
	r.count = int((end-r.start)/r.step) + 1
	return nil
}

// extraValues is the error of a ~LST item with more values than variables,
// which are ignored.
type extraValues struct{ item string }

func (e extraValues) Error() string {
	return fmt.Sprintf("%s has more values than there are names; they are ignored", e.item)
}

// setList reads "var, v1, v2…" or "{a,b}, {1,2}, {3,4}…".
func (r *rounds) setList(args string) error {
	items, err := splitItems(args)
	if err != nil {
		return err
	}
	if len(items) < 2 {
		return errors.New("want a name and at least one value")
	}
	if err := r.setVariables(items[0]...); err != nil {
		return err
	}
	r.list = items[1:]
	r.count = len(r.list)
	for _, values := range r.list {
		if len(values) > len(r.vars) {
			return extraValues{strings.Join(values, ",")}
		}
	}
	return nil
}

func (r *rounds) setVariables(names ...string) error {
	for _, name := range names {
		name = strings.Trim(name, blanks)
		if name == "" || nameEnd(name, 0) != len(name) || builtins[name] {
			return fmt.Errorf("%q cannot be the name of a variable", name)
		}
		r.vars = append(r.vars, name)
	}
	return nil
}

// splitItems splits at commas; an item is one value or several in braces.
func splitItems(args string) ([][]string, error) {
	var items [][]string
	for {
		args = strings.TrimLeft(args, blanks)
		if strings.HasPrefix(args, "{") {
			group, rest, ok := strings.Cut(args[1:], "}")
			if !ok {
				return nil, errors.New("a { has no }")
			}
			values := strings.Split(group, ",")
			for i := range values {
				values[i] = strings.Trim(values[i], blanks)
			}
			items = append(items, values)
			args = strings.TrimLeft(rest, blanks)
			if args == "" {
				return items, nil
			}
			if args[0] != ',' {
				return nil, errors.New("a comma is missing after }")
			}
			args = args[1:]
			continue
		}
		value, rest, more := strings.Cut(args, ",")
		items = append(items, []string{strings.Trim(value, blanks)})
		if !more {
			return items, nil
		}
		args = rest
	}
}
