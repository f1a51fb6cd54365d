package markup_test

import (
	"testing"

	"github.com/ihr-charging/charging-plot-api/libs/markup"
)

func TestFillEscapesTextsAndLeavesTheFormatAlone(t *testing.T) {
	t.Parallel()
	got := markup.Fill(`<a title="%s">%s &amp; 100 %%</a>`, `"><script>`, "Tom & 'Ada' <%s>")
	if want := `<a title="&#34;&gt;&lt;script&gt;">Tom &amp; &#39;Ada&#39; &lt;%s&gt; &amp; 100 %</a>`; got != want {
		t.Errorf("it is %s\nnot %s", got, want)
	}
}
