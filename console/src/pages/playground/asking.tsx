// Where a question is typed; with pictures where every model that is asked can see them.
import { ImagePlus, Send, Square, X } from 'lucide-react'
import { type FormEvent, type KeyboardEvent, useId, useState } from 'react'
import { useWords } from '../../language/language.tsx'
import { Button, IconButton } from '../../parts/button.tsx'
import { TextArea } from '../../parts/field.tsx'
import { text } from './text.ts'

interface AskingProps {
  /** What stands in the field at first; `images` go with it. */
  readonly first: string
  readonly firstImages?: readonly string[]
  /** The keyboard is put into it. */
  readonly focus?: boolean
  readonly busy: boolean
  readonly blocked: boolean
  /** Whether pictures can go with it. */
  readonly sees: boolean
  send(question: string, images: readonly string[]): void
  stop(): void
}

/** The form. */
export function Asking({ first, firstImages = [], focus, busy, blocked, sees, send, stop }: AskingProps) {
  const t = useWords(text)
  const [question, setQuestion] = useState(first)
  const [images, setImages] = useState<readonly string[]>(firstImages)
  const possible = !busy && !blocked && question.trim() !== ''
  const submit = (event: FormEvent | KeyboardEvent) => {
    event.preventDefault()
    if (!possible) return
    send(question, sees ? images : [])
    setQuestion('')
    setImages([])
  }
  return (
    <form onSubmit={submit} className="border-t border-line p-3">
      {sees && <Pictures images={images} change={setImages} />}
      <div className="flex items-end gap-2">
        <TextArea
          label={t('message')}
          bare
          className="flex-1"
          rows={2}
          autoFocus={focus}
          placeholder={t('ask')}
          value={question}
          onChange={(event) => setQuestion(event.target.value)}
          onKeyDown={(event) => {
            // While an input method composes a character, Enter belongs to it.
            if (event.key === 'Enter' && !event.shiftKey && !event.nativeEvent.isComposing) submit(event)
          }}
        />
        {busy ? (
          <Button icon={<Square aria-hidden className="size-4" />} onClick={stop}>
            {t('stop')}
          </Button>
        ) : (
          <Button type="submit" weight="strong" icon={<Send aria-hidden className="size-4" />} disabled={!possible}>
            {t('send')}
          </Button>
        )}
      </div>
    </form>
  )
}

interface PicturesProps {
  readonly images: readonly string[]
  change(images: readonly string[]): void
}

function Pictures({ images, change }: PicturesProps) {
  const t = useWords(text)
  const id = useId()
  const add = async (files: FileList | null) =>
    change([...images, ...(await Promise.all([...(files ?? [])].map(read)))])
  return (
    <div className="mb-2 flex flex-wrap items-center gap-2">
      {images.map((image, index) => (
        <span key={image} className="relative">
          <img src={image} alt={t('pictureOf', { number: index + 1 })} className="size-14 rounded object-cover" />
          <IconButton
            label={t('removePicture', { number: index + 1 })}
            className="absolute -top-2 -right-2 min-h-6 min-w-6 bg-surface"
            onClick={() => change(images.filter((one) => one !== image))}
          >
            <X aria-hidden className="size-3" />
          </IconButton>
        </span>
      ))}
      <label htmlFor={id} className="flex cursor-pointer items-center gap-2 text-sm text-accent focus-within:underline">
        <ImagePlus aria-hidden className="size-4" />
        {t('picture')}
        <input
          id={id}
          type="file"
          accept="image/*"
          multiple
          className="sr-only"
          onChange={(event) => void add(event.target.files)}
        />
      </label>
    </div>
  )
}

/** A file as a `data:` address. */
function read(file: File): Promise<string> {
  const { promise, resolve, reject } = Promise.withResolvers<string>()
  const reader = new FileReader()
  reader.onload = () => resolve(String(reader.result))
  reader.onerror = () => reject(reader.error ?? new Error(file.name))
  reader.readAsDataURL(file)
  return promise
}
