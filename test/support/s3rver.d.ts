// The part of s3rver, which has no types of its own, that tests use.
declare module 's3rver' {
  class S3rver {
    constructor(options: {
      readonly address: string
      readonly port: number
      readonly silent: boolean
      readonly directory: string
      readonly configureBuckets: readonly { readonly name: string; readonly configs: readonly string[] }[]
    })
    run(): Promise<{ readonly port: number }>
    close(): Promise<void>
  }
  // biome-ignore lint/style/noDefaultExport: the package has one.
  export default S3rver
}
