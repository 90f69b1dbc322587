/** A plot of two values over time, in the colours of the page, that follows its width. */
import uPlot from 'uplot';

/** Ten minutes of samples. */
const MAX_POINTS = 300;
const HEIGHT = 160;
const COLOURS = ['--first', '--second'];

export interface PlotOptions {
  readonly labels: readonly string[];
  readonly format: (value: number) => string;
  /** For values of which some are a thousand times others. */
  readonly isLogarithmic: boolean;
}

export class Plot {
  readonly #parent: HTMLElement;
  readonly #options: PlotOptions;
  /** Times in Unix seconds, then one list per label. BOUNDED by MAX_POINTS. */
  readonly #data: [number[], ...(number | null)[][]];
  #plot: uPlot;

  constructor(parent: HTMLElement, options: PlotOptions) {
    this.#parent = parent;
    this.#options = options;
    this.#data = [[], ...options.labels.map(() => [])];
    this.#plot = this.#make();
    new ResizeObserver(() => {
      this.#plot.setSize({ width: parent.clientWidth, height: HEIGHT });
    }).observe(parent);
    matchMedia('(prefers-color-scheme: dark)').addEventListener('change', () => {
      this.#plot.destroy();
      this.#plot = this.#make();
    });
  }

  /** Adds a point; null leaves a gap. */
  add(seconds: number, values: readonly (number | null)[]): void {
    const [times, ...lists] = this.#data;
    times.push(seconds);
    lists.forEach((list, at) => void list.push(values[at]));
    if (times.length > MAX_POINTS) for (const list of this.#data) list.shift();
    this.#plot.setData(this.#data);
  }

  #make(): uPlot {
    const { labels, isLogarithmic } = this.#options;
    // Between powers of ten the library gives null: no label.
    const format = (value: number | null) => (value === null ? '' : this.#options.format(value));
    const y: uPlot.Scale = isLogarithmic
      ? { distr: 3 }
      : { range: (_plot, _min, max) => [0, max > 0 ? max * 1.1 : 1] };
    const axis = { stroke: colour('--quiet'), grid: { stroke: colour('--line'), width: 1 } };
    return new uPlot(
      {
        width: this.#parent.clientWidth || 300,
        height: HEIGHT,
        scales: { y },
        axes: [axis, { ...axis, size: 70, values: (_plot, ticks) => ticks.map(format) }],
        series: [
          {},
          ...labels.map((label, at) => ({
            ...{ label, stroke: colour(COLOURS[at]), width: 2, spanGaps: false },
            value: (_plot: uPlot, value: number | null) => format(value),
          })),
        ],
      },
      this.#data,
      this.#parent,
    );
  }
}

function colour(name: string): string {
  return getComputedStyle(document.documentElement).getPropertyValue(name);
}
