package e2e_test

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime/debug"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/ihr-charging/charging-plot-api/libs/openapi"
	"github.com/ihr-charging/charging-plot-api/tools/gateway"
	"github.com/ihr-charging/charging-plot-api/tools/stack"
)

// The world of all tests of a run: one product, started when the first test asks for it.
var world struct {
	sync.Once
	err error

	root      string
	baseURL   string
	mail      string // folder of mails
	own       *stack.Stack
	routes    gateway.Table
	documents map[string]*openapi.Document // by service
	output    *lockedBuffer

	adminLogin, adminPassword string
}

func TestMain(m *testing.M) {
	// The go tool does not know which programs are under test, and would take the result of others for theirs. It looks at what a test asks
	// of its environment, and this is another one each time.
	_ = os.Getenv("TEST_REDIS_URL")
	code := m.Run()
	if world.own != nil {
		ctx, cancel := context.WithTimeout(context.Background(), 60*time.Second)
		if err := world.own.Stop(ctx); err != nil {
			_, _ = fmt.Fprintln(os.Stderr, "e2e: stop the stack:", err)
			code = 1
		}
		cancel()
		if races := dataRaces(); races != "" {
			_, _ = fmt.Fprintln(os.Stderr, "e2e: the race detector found in a service:\n"+races)
			code = 1
		}
		if code == 0 {
			if err := stack.Clean(context.Background(), world.own.Path()); err != nil {
				_, _ = fmt.Fprintln(os.Stderr, "e2e: remove the state:", err)
				code = 1
			}
		} else {
			_, _ = fmt.Fprintln(os.Stderr, "e2e: the services' logs are kept in", world.own.Path("logs"))
		}
	}
	os.Exit(code)
}

// product makes sure that the product runs.
func product(t *testing.T) {
	t.Helper()
	world.Do(func() { world.err = startWorld() })
	if world.err != nil {
		t.Fatal(world.err)
	}
}

// ownStack is the product as something that may be killed.
func ownStack(t *testing.T) *stack.Stack {
	t.Helper()
	product(t)
	if world.own == nil {
		t.Fatal("this test kills services: run it without E2E_BASE_URL, so that it has a stack of its own")
	}
	return world.own
}

func startWorld() (err error) {
	if world.root, err = stack.Root("."); err != nil {
		return err
	}
	if world.routes, err = gateway.LoadTable(os.DirFS(filepath.Join(world.root, "deploy", "helm"))); err != nil {
		return err
	}
	world.documents = map[string]*openapi.Document{}
	for _, service := range stack.Services {
		raw, err := os.ReadFile(filepath.Join(world.root, "api", "openapi", service+".yaml"))
		if err != nil {
			return err
		}
		if world.documents[service], err = openapi.Load(raw); err != nil {
			return fmt.Errorf("%s: %w", service, err)
		}
	}
	if url := os.Getenv("E2E_BASE_URL"); url != "" {
		world.baseURL = strings.TrimSuffix(url, "/")
		world.mail = os.Getenv("E2E_MAIL_FOLDER")
		world.adminLogin, world.adminPassword = os.Getenv("E2E_ADMIN_LOGIN"), os.Getenv("E2E_ADMIN_PASSWORD")
		return nil
	}
	return startOwn()
}

// startOwn builds the binaries and starts them on an empty state.
func startOwn() error {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Minute)
	defer cancel()
	state, err := os.MkdirTemp("", "charging-plot-e2e-")
	if err != nil {
		return err
	}
	if err := os.Chmod(state, 0o755); err != nil { // Postgres may run as another user
		return err
	}
	binaries := filepath.Join(state, "bin")
	if err := stack.Build(ctx, world.root, binaries, withRaceDetector()); err != nil {
		return err
	}
	world.output = &lockedBuffer{}
	world.own, err = stack.Start(ctx, stack.Options{
		Root: world.root, State: state, Listen: "127.0.0.1:0", Binaries: binaries, Output: world.output,
		Environment: map[string]map[string]string{"": {
			// The sweep of bad input asks thousands of times in a minute; what limits do is tested in the services.
			"RATE_LIMIT_FACTOR": "0", "RATE_ANONYMOUS": "0", "RATE_PRINCIPAL": "0",
			"GORACE": "halt_on_error=0",
		}, stack.ChargingPlot: {
			// An order that dies with its service is called off after this.
			"SESSION_START_TIMEOUT": "15s",
			// Where the partners of the tests are.
			"WEBHOOK_ALLOW": "127.0.0.2/32",
		}},
	})
	if err != nil {
		return fmt.Errorf("%w\n%s", err, world.output)
	}
	world.baseURL, world.mail = world.own.URL, world.own.Path("mail")
	world.adminLogin, world.adminPassword = "admin@e2e.example", "correct horse battery staple "+uuid.NewString()
	return createAccount(ctx, world.adminLogin, world.adminPassword, "admin")
}

// createAccount makes a confirmed account with a role ("admin", "operator@OPERATOR-ID") by auth's own management commands.
func createAccount(ctx context.Context, email, password, role string) error {
	return manage(ctx, stack.Auth, password+"\n", "user", "create", "--email", email, "--role", role)
}

// manage runs a management command of a service, in the service's own environment.
func manage(ctx context.Context, service, input string, args ...string) error {
	cmd := exec.CommandContext(ctx, world.own.Binary(service), args...)
	for name, value := range world.own.Environment(service) {
		cmd.Env = append(cmd.Env, name+"="+value)
	}
	cmd.Stdin = strings.NewReader(input)
	output, err := cmd.CombinedOutput()
	if err != nil {
		return fmt.Errorf("%s %s: %w\n%s", service, strings.Join(args, " "), err, output)
	}
	return nil
}

// withRaceDetector says whether this test binary was built with -race: then the services are too.
func withRaceDetector() bool {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return false
	}
	for _, setting := range info.Settings {
		if setting.Key == "-race" {
			return setting.Value == "true"
		}
	}
	return false
}

// dataRaces is what the race detector wrote into the services' logs.
func dataRaces() string {
	var found strings.Builder
	for _, service := range stack.Services {
		raw, err := os.ReadFile(world.own.Path("logs", service+".log"))
		if err != nil {
			continue
		}
		if at := bytes.Index(raw, []byte("WARNING: DATA RACE")); at >= 0 {
			fmt.Fprintf(&found, "%s:\n%s\n", service, raw[at:min(len(raw), at+6000)])
		}
	}
	return found.String()
}

type lockedBuffer struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.Write(p)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.String()
}

// patience is for what must come, and is not promised by when: tests share the machine.
const patience = time.Minute

// aSecond is by when search knows what has happened elsewhere. The race detector makes all of it several times slower.
func aSecond() time.Duration {
	if withRaceDetector() {
		return 5 * time.Second
	}
	return time.Second
}

// eventually waits until a condition holds. The product is asynchronous by design; what is awaited is promised within a time, and
// that time is the limit.
func eventually(t *testing.T, limit time.Duration, what string, holds func() bool) {
	t.Helper()
	begin := time.Now()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for !holds() {
		if time.Since(begin) > limit {
			t.Fatalf("not within %s: %s", limit, what)
		}
		<-tick.C
	}
}
