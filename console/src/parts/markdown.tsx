// Markdown as a model writes it. Raw HTML stays text, pictures are not fetched, links open elsewhere and tell nobody where from.
import ReactMarkdown, { type Components } from 'react-markdown'
import remarkGfm from 'remark-gfm'
import { CodeBlock } from './code-block.tsx'
import { CopyButton } from './copy-button.tsx'

const components: Components = {
  a: ({ href, children }) => (
    <a href={href} target="_blank" rel="noopener noreferrer nofollow" className="text-accent underline">
      {children}
    </a>
  ),
  // A picture's address would tell its server who reads this: it is shown as the address that it is.
  img: ({ src, alt }) => <span className="text-muted">{`[${alt ?? ''}](${typeof src === 'string' ? src : ''})`}</span>,
  // The boxes of a list of tasks are there to be read.
  input: ({ checked }) => (checked === true ? '☑' : '☐'),
  pre: ({ children, node }) => (
    <div className="group relative">
      <CodeBlock lines>{children}</CodeBlock>
      <CopyButton value={textOf(node)} small className="absolute top-1 right-1 bg-raised" />
    </div>
  ),
  code: ({ children }) => (
    <code className="rounded bg-raised px-1 font-mono text-[0.9em] in-[pre]:p-0 in-[pre]:text-[1em]">{children}</code>
  ),
  p: ({ children }) => <p className="my-2 first:mt-0 last:mb-0">{children}</p>,
  ul: ({ children }) => <ul className="my-2 list-disc pl-5">{children}</ul>,
  ol: ({ children }) => <ol className="my-2 list-decimal pl-5">{children}</ol>,
  h1: ({ children }) => <p className="mt-3 mb-1 text-base font-semibold">{children}</p>,
  h2: ({ children }) => <p className="mt-3 mb-1 text-base font-semibold">{children}</p>,
  h3: ({ children }) => <p className="mt-3 mb-1 font-semibold">{children}</p>,
  blockquote: ({ children }) => <blockquote className="border-l-2 border-line pl-3 text-muted">{children}</blockquote>,
  table: ({ children }) => (
    <div className="my-2 overflow-x-auto">
      <table className="border-collapse text-xs [&_td]:border [&_td]:border-line [&_td]:px-2 [&_td]:py-1 [&_th]:border [&_th]:border-line [&_th]:px-2 [&_th]:py-1">
        {children}
      </table>
    </div>
  ),
}

const plugins = [remarkGfm]

/** The text of a piece of the document. */
function textOf(node: unknown): string {
  const { value, children } = node as { readonly value?: string; readonly children?: readonly unknown[] }
  return value ?? children?.map(textOf).join('') ?? ''
}

/** Code, which is left alone, or a formula; how long formulas are is bounded, so that no text takes long to look through. */
const codeOrFormula =
  /(```[\s\S]*?(?:```|$)|`[^`\n]+`)|\$\$[^$]{1,2000}\$\$|\\\[[\s\S]{1,2000}?\\\]|\\\([^\n]{1,500}?\\\)|\$[^\s$](?:[^$\n]{0,500}[^\s$])?\$/g

/** The source in which formulas stand as they were written: to Markdown their backslashes and stars mean something else. */
function withoutMath(source: string): string {
  return source.replace(codeOrFormula, (whole, code?: string) =>
    code === undefined ? whole.replace(/[!-/:-@[-`{-~]/g, '\\$&') : whole,
  )
}

/** Renders it. */
export function Markdown({ source }: { readonly source: string }) {
  return (
    <ReactMarkdown remarkPlugins={plugins} components={components} skipHtml={false}>
      {withoutMath(source)}
    </ReactMarkdown>
  )
}
