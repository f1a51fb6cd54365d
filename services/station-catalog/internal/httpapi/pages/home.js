// The address under which this page was reached is the one that the example works with.
document.getElementById('origin').textContent = location.origin;
