package conf

import (
	"errors"
	"fmt"
	"regexp"
	"regexp/syntax"
	"slices"
	"strings"
)

// regexFlags are the flags of Go's expressions for the words of regex_options.
var regexFlags = map[string]string{"caseless": "i", "multiline": "m", "dotall": "s", "ungreedy": "U"}

// harmlessRegexOptions say how PCRE goes about it, or forbid what patterns do not have here:
// they do not change what matches.
var harmlessRegexOptions = []string{"auto_callout", "dollar_endonly", "dupnames", "never_backslash_c", "never_ucp",
	"never_utf", "no_auto_capture", "no_auto_possess", "no_dotstar_anchor", "no_start_optimize", "use_offset_limit", "utf",
	"alt_verbnames"}

// Compile makes the expression. keepalived's patterns are those of PCRE; what Go's package
// regexp lacks of them (looking ahead and behind, references to groups, possessive and atomic
// groups) is an error that names it.
func (r *Regex) Compile() (*regexp.Regexp, error) {
	flags := ""
	atEnd := false
	for _, option := range r.Options {
		option = strings.ToLower(option)
		flag, ok := regexFlags[option]
		switch {
		case ok:
			flags += flag
		case !slices.Contains(harmlessRegexOptions, option):
			return nil, fmt.Errorf("regex_options %s is not supported", option)
		}
		atEnd = atEnd || option == "dollar_endonly"
	}
	pattern := r.Pattern
	if flags != "" {
		pattern = "(?" + flags + ")" + pattern
	}
	tree, err := syntax.Parse(pattern, syntax.Perl)
	if wrong := new(syntax.Error); errors.As(err, &wrong) {
		return nil, fmt.Errorf("%s in the pattern is not supported (%s)", wrong.Expr, why(wrong))
	} else if err != nil {
		return nil, err
	}
	if !atEnd {
		dollar(tree)
	}
	return regexp.Compile(tree.String())
}

// why says what it is that a pattern must not have.
func why(e *syntax.Error) string {
	for begin, name := range map[string]string{
		"(?=": "looking ahead", "(?!": "looking ahead", "(?<=": "looking behind", "(?<!": "looking behind",
		"(?>": "an atomic group", "(?|": "a branch reset", "(?#": "a comment",
	} {
		if strings.HasPrefix(e.Expr, begin) {
			return name
		}
	}
	if e.Code == syntax.ErrInvalidEscape && len(e.Expr) > 1 && e.Expr[1] >= '1' && e.Expr[1] <= '9' {
		return "a reference to a group"
	}
	if e.Code == syntax.ErrInvalidRepeatOp && strings.HasSuffix(e.Expr, "+") {
		return "a possessive quantifier"
	}
	return e.Code.String()
}

// dollar has $ match before a newline at the end of the text too, as PCRE does.
func dollar(tree *syntax.Regexp) {
	for i, sub := range tree.Sub {
		if sub.Op == syntax.OpEndText && sub.Flags&syntax.WasDollar != 0 {
			tree.Sub[i] = beforeNewline(sub)
			continue
		}
		dollar(sub)
	}
	if tree.Op == syntax.OpEndText && tree.Flags&syntax.WasDollar != 0 {
		*tree = *beforeNewline(&syntax.Regexp{Op: syntax.OpEndText})
	}
}

// beforeNewline is the end of the text, or a newline and the end of the text.
func beforeNewline(end *syntax.Regexp) *syntax.Regexp {
	newline := &syntax.Regexp{Op: syntax.OpLiteral, Rune: []rune{'\n'}}
	optional := &syntax.Regexp{Op: syntax.OpQuest, Sub: []*syntax.Regexp{newline}}
	plain := &syntax.Regexp{Op: syntax.OpEndText, Flags: end.Flags &^ syntax.WasDollar}
	return &syntax.Regexp{Op: syntax.OpConcat, Sub: []*syntax.Regexp{optional, plain}}
}
