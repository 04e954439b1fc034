package syntax_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lvs-director/director/conf"
	"github.com/lvs-director/director/conf/syntax"
)

// dump writes nodes on one line: words apart, quoted ones in quotes, lines
// separated by semicolons, blocks in braces.
func dump(nodes []*syntax.Node) string {
	var b strings.Builder
	for i, n := range nodes {
		if i > 0 {
			b.WriteString("; ")
		}
		for j, w := range append([]syntax.Token{n.Keyword}, n.Args...) {
			if j > 0 {
				b.WriteByte(' ')
			}
			if w.Quoted {
				fmt.Fprintf(&b, "%q", w.Text)
			} else {
				b.WriteString(w.Text)
			}
		}
		if n.Block != nil {
			b.WriteString(" { " + dump(n.Block.Nodes) + " }")
		}
	}
	return b.String()
}

// codes gives the findings as "severity code@line".
func codes(findings []conf.Finding) []string {
	var out []string
	for _, f := range findings {
		out = append(out, fmt.Sprintf("%v %s@%d", f.Severity, f.Code, f.Pos.Line))
	}
	return out
}

// rule is one rule of the language with an example.
type rule struct {
	name  string
	text  string
	files syntax.Memory
	want  string   // the tree
	says  []string // the findings
}

func testRules(t *testing.T, rules []rule) {
	t.Helper()
	for _, r := range rules {
		t.Run(r.name, func(t *testing.T) {
			fsys := syntax.Memory{"/etc/d/main.conf": r.text}
			for name, text := range r.files {
				fsys[name] = text
			}
			tree, findings := syntax.Parse("/etc/d/main.conf", syntax.Options{
				ConfigID: "main",
				FS:       fsys,
				Env: func(name string) (string, bool) {
					return "bond0", name == "NIC"
				},
				Random: func(lo, hi int) int { return lo*100_000 + hi },
			})
			if got := dump(tree.Nodes); got != r.want {
				t.Errorf("tree\n got %s\nwant %s", got, r.want)
			}
			if diff := cmp.Diff(r.says, codes(findings)); diff != "" {
				t.Errorf("findings (-want +got)\n%s", diff)
			}
			checkPositions(t, tree, findings)
		})
	}
}

func TestLines(t *testing.T) {
	testRules(t, []rule{
		{name: "blank lines and blanks", text: "\n \t a  b\tc \n\n\f\vd\r\n", want: "a b c; d"},
		{name: "no newline at the end", text: "a b", want: "a b"},
		{name: "empty file", text: "", want: ""},
		{name: "comments", text: "# x\n! y\na # z\nb ! z\n", want: "a; b"},
		{name: "a comment begins inside a word", text: "a#b\nx!y@z", want: "a; x"},
		{name: "a comment character is text after a backslash", text: `a\#b \!c # d`, want: "a#b !c"},
		{name: "other backslashes stay", text: `a\b \"c"\`, want: `a\b \ "c" \`},
		{name: "double quotes protect comment characters", text: `a "b # c ! d" e`, want: `a "b # c ! d" e`},
		{name: "single quotes do not", text: `a '/bin/echo x # y'`, want: `a '/bin/echo x`},
		{name: "no continuation lines", text: "a b \\\nc", want: `a b \; c`},
		{name: "quotes end with the line", text: "a b \"c # {\nd", want: "a b; d",
			says: []string{"warning unterminated-quote@1"}},
		{name: "a quote without end as the first word", text: "\"a b\nc", want: "c",
			says: []string{"warning unterminated-quote@1"}},
		{name: "lines of any length", text: "a " + strings.Repeat("x", 5000), want: "a " + strings.Repeat("x", 5000)},
		{name: "a line with NUL is ignored", text: strings.Repeat("a\n", 20) + "b\x00c\nd",
			want: strings.Repeat("a; ", 20) + "d", says: []string{"warning nul-byte@21"}},
		{name: "byte order mark", text: "\ufeffglobal_defs {\n}", want: "global_defs {  }",
			says: []string{"warning byte-order-mark@1"}},
		{name: "a pasted non-breaking space is part of the word", text: "\u00a0state MASTER\n\u00a0a",
			want: "\u00a0state MASTER; \u00a0a", says: []string{"note odd-blank@1"}},
		{name: "comments in any encoding", text: "a # \xb5\xc4\xff\nb", want: "a; b"},
	})
}

func TestBracesAndWords(t *testing.T) {
	testRules(t, []rule{
		{name: "brace on the line", text: "a b {\nc\n}", want: "a b { c }"},
		{name: "brace on the next line", text: "a b\n\n# why\n{\nc\n}", want: "a b { c }"},
		{name: "text after the opening brace", text: "vrrp_instance A { interface e0\nx\n}",
			want: "vrrp_instance A { interface e0; x }"},
		{name: "a block on one line", text: "virtual_ipaddress { 10.0.0.14 }\nx", want: "virtual_ipaddress { 10.0.0.14 }; x"},
		{name: "text after the closing brace", text: "a {\n} vrrp_instance B {\n}", want: "a {  }; vrrp_instance B {  }"},
		{name: "braces inside words", text: "foo{bar}baz{", want: "foo { bar }; baz {  }",
			says: []string{"warning missing-brace@1"}},
		{name: "braces in double quotes are text", text: `notify "/bin/echo {x}"`, want: `notify "/bin/echo {x}"`},
		{name: "braces in single quotes are structure", text: `notify '/bin/echo {x}'`, want: `notify '/bin/echo { x }; '`},
		{name: "nested blocks", text: "a {\nb {\nc\n}\nd\n}\ne", want: "a { b { c }; d }; e"},
		{name: "empty block", text: "a {}", want: "a {  }"},
		{name: "one entry per line in a block", text: "v {\n10.0.0.1/24 dev e0\n10.0.0.2\n}",
			want: "v { 10.0.0.1/24 dev e0; 10.0.0.2 }"},
		{name: "extra closing brace", text: "a {\n}\n}\nb", want: "a {  }; b", says: []string{"warning extra-brace@3"}},
		{name: "missing closing brace", text: "a {\nb {\nc", want: "a { b { c } }",
			says: []string{"warning missing-brace@1"}},
		{name: "a brace that belongs to no line", text: "a {\n{\nb\n}\nc\n}", want: "a { b; c }",
			says: []string{"warning unexpected-brace@2"}},
		{name: "a second block for the same line", text: "a { b } { c }", want: "a { b }; c",
			says: []string{"warning unexpected-brace@1"}},
		{name: "a quoted keyword", text: `"vrrp_instance" B {` + "\n}", want: `"vrrp_instance" B {  }`},
		{name: "a quote splits words", text: `abc"def"ghi`, want: `abc "def" ghi`},
		{name: "an empty word", text: `a "" b`, want: `a "" b`},
	})
}

func TestConditions(t *testing.T) {
	testRules(t, []rule{
		{name: "equal", text: "@main a\n@other b", want: "a"},
		{name: "not equal", text: "@^main a\n@^other b", want: "b"},
		{name: "compared whole", text: "@mai a\n@mainx b\n@MAIN c", want: ""},
		{name: "with a definition", text: "@other $P=1\n@main $P=2\np $P", want: "p 2"},
		{name: "in a value block", text: "v {\n@main 1.2.3.4\n@^main 5.6.7.8\n}", want: "v { 1.2.3.4 }"},
		{name: "with braces", text: "a\n@main {\nb\n@main }\nc", want: "a { b }; c"},
		{name: "left out line by line", text: "@other a {\nb\n}", want: "b", says: []string{"warning extra-brace@3"}},
		{name: "two headers for one block", text: "@main a {\n@other b {\nc\n}", want: "a { c }"},
		{name: "one per line", text: "@main @main a", want: "@main a"},
		{name: "a blank after the @", text: "@ a\n@^ b", want: "b"},
		{name: "nothing after it", text: "@main\n@main # x\na", want: "a"},
		{name: "behind a brace", text: "a { @other b\n@main c\n}", want: "a { c }"},
		{name: "out of a definition", text: "$IF_MAIN=@main\n$IF_OTHER=@other\n$IF_MAIN priority 240\n$IF_OTHER priority 100",
			want: "priority 240"},
		{name: "before an include", text: "@main include x\n@other include y",
			files: syntax.Memory{"/etc/d/x": "x", "/etc/d/y": "y"}, want: "x"},
	})
}

func TestDefinitions(t *testing.T) {
	testRules(t, []rule{
		{name: "dollar name", text: "$A=1\na $A $A,b $A) $A", want: "a 1 1,b 1) 1"},
		{name: "a name goes on unless a blank, comma or parenthesis follows", text: "$A=1\na $A.x", want: "a $A.x",
			says: []string{"note not-replaced@2"}},
		{name: "name in braces", text: "$A=1\na x${A}y", want: "a x1y"},
		{name: "in quotes", text: "$A=1\na \"x ${A} y\"", want: `a "x 1 y"`},
		{name: "blanks before it", text: "  $A=1\na $A", want: "a 1"},
		{name: "blanks after the equals sign", text: "$A= \t 1 2 \na $A", want: "a 1 2"},
		{name: "no blank before the equals sign", text: "$B = 6\na $B", want: "a $B",
			says: []string{"warning bad-definition@1", "note undefined-name@2"}},
		{name: "empty", text: "$A=\na $A b${A}c", want: "a bc"},
		{name: "a line of nothing", text: "$A=\n$A\nb", want: "b"},
		{name: "a later value counts from then on", text: "$A=1\na $A\n$A=2\na $A", want: "a 1; a 2"},
		{name: "recursive, evaluated at use", text: "$B=10.2.${S}\n$S=0\n${B}.1/32\n$S=10\n${B}.1/32",
			want: "10.2.0.1/32; 10.2.10.1/32"},
		{name: "an inner reference looks at what follows the outer", text: "$S=0\n$B=10.2.$S\n${B}.1 $B",
			want: "10.2.$S.1 10.2.0", says: []string{"note not-replaced@3"}},
		{name: "undefined stays", text: "a $X \"${Y}\"", want: `a $X "${Y}"`,
			says: []string{"note undefined-name@1", "note undefined-name@1"}},
		{name: "undefined in braces opens no block", text: "a ${X}/24\nb", want: "a ${X}/24; b",
			says: []string{"warning undefined-name@1"}},
		{name: "a shell's expansion opens no block", text: "a ${X:-1}/${Y:-2} {\nb \"${Z:-3}\"\n}",
			want: `a ${X:-1}/${Y:-2} { b "${Z:-3}" }`, says: []string{"warning shell-expansion@1", "warning shell-expansion@1"}},
		{name: "not a name", text: "a $1 ${1} $", want: "a $1 $ { 1 }; $"},
		{name: "a keyword", text: "$K=state MASTER\n$K x", want: "state MASTER x"},
		{name: "braces in the value", text: "$B=v { 1.2.3.4 }\n$B\nx", want: "v { 1.2.3.4 }; x"},
		{name: "a comment in the value", text: "$A=1 # one\n$B=\"x#y\"\na $A $B", want: `a 1 "x#y"`},
		{name: "a comment character brought in begins a comment", text: `$A=x\#y z` + "\na\\#b $A c", want: "a#b x"},
		{name: "hash and bang", text: "a b${_HASH}c ${_BANG} d", want: "a b#c ! d"},
		{name: "pwd and instance", text: "a ${_PWD}/x ${_INSTANCE}", want: "a /etc/d/x main"},
		{name: "pwd in an include", text: "include sub/x", files: syntax.Memory{"/etc/d/sub/x": "a ${_PWD}"},
			want: "a /etc/d/sub"},
		{name: "random", text: "a ${_RANDOM} ${_RANDOM 5} ${_RANDOM 5 9}", want: "a 32767 532767 500009"},
		{name: "random nonsense", text: "a ${_RANDOM 9 5}", want: "a ${_RANDOM 9 5}", says: []string{"warning bad-random@1"}},
		{name: "random of too many or no numbers", text: "a ${_RANDOM 1 2 3}\nb ${_RANDOM x}",
			want: "a ${_RANDOM 1 2 3}; b ${_RANDOM x}", says: []string{"warning bad-random@1", "warning bad-random@2"}},
		{name: "environment", text: "a ${_ENV NIC}.1 x${_ENV NONE}y", want: "a bond0.1 xy",
			says: []string{"note no-such-environment@1"}},
		{name: "reserved", text: "$_PWD=x\na ${_PWD}", want: "a /etc/d", says: []string{"warning reserved-name@1"}},
		{name: "behind a brace", text: "a { $X=1\nb $X\n}", want: "a { b 1 }"},
		{name: "itself", text: "$A=$A\na $A\nb", want: "b", says: []string{"error expansion-too-long@2"}},
		{name: "growing without end", text: "$A=x ${B}${B}\n$B=y ${A}${A}\na $A\nb", want: "b",
			says: []string{"error expansion-too-long@3"}},
	})
}

func TestMultiLineDefinitions(t *testing.T) {
	testRules(t, []rule{
		{name: "body", text: "$I= \\\na ${N} { \\\n b \\\n}\n$N=1\n$I\n$N=2\n$I", want: "a 1 { b }; a 2 { b }"},
		{name: "first line beside the name", text: "$I=a \\\nb \\\nc\nx\n$I\ny", want: "x; a; b; c; y"},
		{name: "ends at a blank line", text: "$I= \\\na \\\n\nb\n$I", want: "b; a"},
		{name: "but not within a block", text: "$I= \\\na { \\\n b \\\n\n c \\\n}\n\n$I\nd", want: "a { b; c }; d"},
		{name: "conditions at expansion", text: "$I= \\\n@main a \\\n@other b \\\nc\n$I", want: "a; c"},
		{name: "definitions at expansion", text: "$R= \\\nrs ${N}\n$V= \\\nvs { \\\n$N=1 \\\n$R \\\n$N=2 \\\n$R \\\n}\n$V",
			want: "vs { rs 1; rs 2 }"},
		{name: "loops at expansion", text: "$I= \\\n~SEQ(n,1,3) a $n \\\nb\n$I", want: "a 1; a 2; a 3; b"},
		{name: "comments in it", text: "$I= \\\na \\ # one\nb # two \\\n# three\nc\n$I\nd", want: "a; b; c; d", says: nil},
		{name: "opening a block before it", text: "$I= \\\nb \\\nc\na { $I\nd\n}", want: "a { b; c; d }"},
		{name: "nothing may follow", text: "$I= \\\nb \\\nc\n$I x\ny", want: "b; c; x; y",
			says: []string{"warning text-after-definition@4"}},
		{name: "defined behind a brace", text: "v { $I= \\\na \\\nb\n$I\n}", want: "v { a; b }"},
		{name: "defined in another", text: "$O= \\\n$I=a \\ \\\nb \\\nc\n$O\n$I", want: "c; a; b"},
		{name: "not defined twice over", text: "$_PWD= \\\na\nb", want: "b", says: []string{"warning reserved-name@1"}},
		{name: "in the bounds of a loop", text: "$I= \\\n1\n~SEQ(v,$I) a", want: "", says: []string{"warning bad-loop@3"}},
		{name: "at the end of the file", text: "$I= \\\na \\", want: ""},
		{name: "within itself", text: "$I= \\\na \\\n$I\n$I", want: strings.TrimSuffix(strings.Repeat("a; ", 64), "; "),
			says: []string{"error too-deep@3"}},
		{name: "first line is another", text: "$B= \\\nb1 \\\nb2\n$A=$B \\\na2\n$A", want: "b1; b2; a2"},
	})
}

func TestLoops(t *testing.T) {
	testRules(t, []rule{
		{name: "end alone", text: "~SEQ(v, 3) a $v\n~SEQ(v,-2) b $v", want: "a 1; a 2; a 3; b -1; b -2"},
		{name: "start and end", text: "~SEQ(S, 0, 3) ip 10.0.${S}.1\n~SEQ(S,3,1) b$S x${S}",
			want: "ip 10.0.0.1; ip 10.0.1.1; ip 10.0.2.1; ip 10.0.3.1; b3 x3; b2 x2; b1 x1"},
		{name: "start, step and end", text: "~SEQ(v,1,3,9) $v\n~SEQ(v,5,-2,0) $v", want: "1; 4; 7; 5; 3; 1"},
		{name: "hexadecimal", text: "~SEQx(S, 144, 16, 192) fe80::${S}:1\n~SEQx(v,8,0xb) 10.0.$v",
			want: "fe80::90:1; fe80::a0:1; fe80::b0:1; fe80::c0:1; 10.0.8; 10.0.9; 10.0.a; 10.0.b"},
		{name: "octal", text: "~SEQ(v,010,011) $v", want: "8; 9"},
		{name: "nested, the first is the outer", text: "~SEQ(a,1,2) ~SEQ(b,5,6) $a $b", want: "1 5; 1 6; 2 5; 2 6"},
		{name: "with a definition of several lines", text: "$VI= \\\nvi ${v} { \\\nvrid $v \\\n}\n~SEQ(v,50,52) $VI",
			want: "vi 50 { vrid 50 }; vi 51 { vrid 51 }; vi 52 { vrid 52 }"},
		{name: "in a block", text: "v {\n~SEQ(i,1,2) 10.0.0.$i x\n}", want: "v { 10.0.0.1 x; 10.0.0.2 x }"},
		{name: "behind a brace", text: "v { ~SEQ(i,1,2) 10.0.0.${i}\n}", want: "v { 10.0.0.1; 10.0.0.2 }"},
		{name: "behind a condition", text: "@main ~SEQ(i,1,2) a $i\n@other ~SEQ(i,1,2) b $i", want: "a 1; a 2"},
		{name: "before a condition", text: "~LST(v,1,2) @main a $v\n~LST(v,1,2) @other b $v", want: "a 1; a 2"},
		{name: "bounds from definitions", text: "$LO=2\n$HI=3\n~SEQ(i,$LO,$HI) a $i\n~LST(x,${LO},z) b $x",
			want: "a 2; a 3; b 2; b z"},
		{name: "the variable is what it was afterwards", text: "$i=x\n~SEQ(i,1,2) a $i\nb $i", want: "a 1; a 2; b x"},
		{name: "list", text: "~LST(v,a, b ,c) x $v", want: "x a; x b; x c"},
		{name: "list of several variables", text: "~LST({a,b},{10,1},{20, 4}) 192.168.${a}.${b}",
			want: "192.168.10.1; 192.168.20.4"},
		{name: "nested lists", text: "~LST(a,1,2) ~SEQ(b,8,9) $a ${b}", want: "1 8; 1 9; 2 8; 2 9"},
		{name: "missing values are empty", text: "~LST({a,b},{1},{2,3}) x $a $b", want: "x 1; x 2 3"},
		{name: "groups that are not closed", text: "~LST({a,b},{1,2) x\n~LST({a,b},{1,2}{3,4}) x", want: "",
			says: []string{"warning bad-loop@1", "warning bad-loop@2"}},
		{name: "too many values", text: "~LST({a,b},{1,2,3}) x $a $b", want: "x 1 2", says: []string{"warning bad-loop@1"}},
		{name: "no parenthesis", text: "~SEQ(a,1,2 x", want: "", says: []string{"warning bad-loop@1"}},
		{name: "no number", text: "~SEQ(a,1,z) x\ny", want: "y", says: []string{"warning bad-loop@1"}},
		{name: "no end", text: "~SEQ(a,1,0,3) x\n~SEQ(a,1,-1,3) x", want: "",
			says: []string{"warning bad-loop@1", "warning bad-loop@2"}},
		{name: "no name", text: "~SEQ(1,2) x\n~SEQ() x\n~LST(a) x", want: "",
			says: []string{"warning bad-loop@1", "warning bad-loop@2", "warning bad-loop@3"}},
		{name: "far too many", text: "~SEQ(a,1,4000000000) x", want: "", says: []string{"error too-many-lines@1"}},
	})
}
