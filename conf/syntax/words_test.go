package syntax_test

import (
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lvs-director/director/conf"
	"github.com/lvs-director/director/conf/syntax"
)

func TestShellWords(t *testing.T) {
	tests := []struct {
		raw  string
		want []string
	}{
		{``, nil},
		{`/x user group`, []string{`/x`, `user`, `group`}},
		{`"/x a b" user`, []string{`/x a b`, `user`}},
		{`'/x a b' user`, []string{`/x a b`, `user`}},
		{`ab"cd ef"gh`, []string{`abcd efgh`}},
		{`abcd" efg h jkl "mnop`, []string{`abcd efg h jkl mnop`}},
		{`abcd "efg h jkl" mnop`, []string{`abcd`, `efg h jkl`, `mnop`}},
		{`"a 'b' c" 'd "e" f'`, []string{`a 'b' c`, `d "e" f`}},
		{`"a \"b\" c" \' x\ y`, []string{`a \"b\" c`, `\'`, `x\ y`}},
		{`"" ''`, []string{``, ``}},
		{`a\`, []string{`a\`}},
	}
	for _, tt := range tests {
		words, err := syntax.ShellWords(tt.raw, conf.Pos{})
		var got []string
		for _, w := range words {
			got = append(got, w.Text)
		}
		if err != nil || !cmp.Equal(got, tt.want) {
			t.Errorf("%s: got %q, %v; want %q", tt.raw, got, err, tt.want)
		}
	}
}

func TestShellWordPositions(t *testing.T) {
	words, err := syntax.ShellWords(`"a b"  c`, conf.Pos{File: "f", Line: 3, Col: 10})
	if err != nil || len(words) != 2 || words[0].Pos.Col != 10 || !words[0].Quoted || words[1].Pos.Col != 17 ||
		words[1].Quoted {
		t.Errorf("got %+v, %v", words, err)
	}
}

func TestCommandArgv(t *testing.T) {
	tests := []struct {
		command string
		want    []string
	}{
		{``, nil},
		{`/x a  b`, []string{`/x`, `a`, `b`}},
		{`/bin/echo 'a b' "c d"`, []string{`/bin/echo`, `a b`, `c d`}},
		{`/x ' spaces\\x20f\x69le ' '\"s p a c e \"' SG1.low`, []string{`/x`, ` spaces\x20file `, `"s p a c e "`, `SG1.low`}},
		{`\a\b\E\f\n\r\t\v`, []string{"\a\b\x1b\f\n\r\t\v"}},
		{`\101\7\1234 \x41\x4 \xg \cA`, []string{"A\aS4", "A\x04", "xg", "\x01"}},
		{`a\ b \"c\" \\ \q`, []string{`a b`, `"c"`, `\`, `q`}},
		{`a''b '' x\`, []string{`ab`, ``, `x\`}},
		{`\400\c`, []string{"\x00c"}},
	}
	for _, tt := range tests {
		got, err := syntax.CommandArgv(tt.command)
		if err != nil || !cmp.Equal(got, tt.want) {
			t.Errorf("%s: got %q, %v; want %q", tt.command, got, err, tt.want)
		}
	}
}

func TestUnfinishedQuotes(t *testing.T) {
	for _, tt := range []struct {
		text   string
		quote  byte
		offset int
	}{{`a "b c`, '"', 2}, {`x 'a "b`, '\'', 2}, {`"a \"`, '"', 0}} {
		_, err1 := syntax.ShellWords(tt.text, conf.Pos{})
		_, err2 := syntax.CommandArgv(tt.text)
		for _, err := range []error{err1, err2} {
			var q *syntax.QuoteError
			if !errors.As(err, &q) || q.Quote != tt.quote || q.Offset != tt.offset ||
				q.Error() != "missing terminating "+string(tt.quote) {
				t.Errorf("%s: got %v %+v", tt.text, err, q)
			}
		}
	}
}
