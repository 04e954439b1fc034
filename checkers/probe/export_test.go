package probe

// What tests look at from outside.
var (
	Exchange   = exchange
	ReadHead   = readHead
	ParseReply = parseReply
	StripIPv4  = stripIPv4
	EndsSoon   = endsSoon
)

// NewDialer is a prober over the portable network.
func NewDialer(opts Options) *Prober { return newProber(opts, newDialer()) }

// Answers is answers.
var Answers = answers

// LimitExchanges limits the goroutines that exchange data at the same time.
func (p *Prober) LimitExchanges(n int) { p.exchanges.max = n }
